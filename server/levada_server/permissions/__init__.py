"""Who may do what: actions, roles, tokens, and the rights that follow from grants. Pure; nothing here does I/O."""
