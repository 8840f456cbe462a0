"""What finished studies say of the tools that made them, one question a file.

Everything here takes studies that were read and returns plain rows, of which `docs/generators/tools` makes a
page. Nothing of it enters a report or decides a claim.
"""
