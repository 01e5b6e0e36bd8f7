"""The expression language of restrictions and computed attributes: from text to checked and typed SQL.

tokens → parser (a tree of `syntax`) → typing (operands with types, by the rules of the other modules).
"""
