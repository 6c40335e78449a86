"""Tell people what went wrong, and when it is well again: observers of runs, credentials and audiences.

watching    rows of the database → what is wrong and what is well
incidents   first, every n-th, recovery: what of it is told
gathering   what is to be told → one message per channel
sending     messages → mail servers and webhooks, at least once, with the same id at every try

Nothing else of `orchestrations` knows of them: what happened stands in the database, and is looked at on beat.
"""
