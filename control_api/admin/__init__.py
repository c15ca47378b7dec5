"""What administrators of the installation see and do: every read and every change leaves a row in an audit log."""
