"""A socket is an open file, and many systems allow a process 1,024 of them until it asks for more."""

import resource

WANTED = 65_536


def allow_many() -> int:
    """Raise this process's own limit, and so that of all it starts, as far as the system lets it. Gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
