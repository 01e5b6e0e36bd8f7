"""Small functions that older code imports from here."""

from __future__ import annotations

from levada._base.names import class_name as to_camel_case
from levada._base.names import stored_name as from_camel_case
from levada._base.prompt import user_choice

__all__ = ["from_camel_case", "to_camel_case", "user_choice"]
