"""How a check ends: what it has found, a line each, and what it has looked at."""


def told(violations, seen):
    """seen: what was looked at, as "50 messages". The exit code."""
    for violation in violations:
        print(violation)
    print(f"{seen}, {len(violations)} violations")
    return 1 if violations else 0
