"""Mail: what it says, how it is queued with the transaction that causes it, and how it leaves."""
