"""The checks of `levada doctor`. None of them starts a server, changes anything by itself, or shows a secret."""
