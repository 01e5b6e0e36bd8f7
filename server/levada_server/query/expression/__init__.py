"""The expression language of restrictions and computed attributes: text in, checked and typed SQL out.

tokens → parser (a tree of `syntax`) → typing (operands with types, by the rules of the other modules).
"""
