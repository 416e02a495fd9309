"""What the sources have against what a page explains."""


def both_ways(found, known, page, kind, done):
    """What one has and the other lacks. found: name -> where; kind: what stands before a name."""
    for name in sorted(set(found) - known):
        yield f"{found[name]}: {page} does not explain {kind}{name}"
    for name in sorted(known - set(found)):
        yield f"{page}:1: {kind}{name} is {done} nowhere"
