"""The submodules of DataJoint, and names in them that only code written for it imports."""
