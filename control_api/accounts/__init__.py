"""Who a person is: sign-in links, passwords, the session cookie."""
