"""What is kept how long, and the nightly work that deletes the rest.

A run's row says what of it is gone (`spool_deleted_at`, `rejects_deleted_at`) before a file is touched, so that nobody
is offered what is being deleted; storage is then swept by what the rows say. A night that is killed in the middle
leaves marked rows with files, which the next night's sweep deletes, and never a row that promises a file that is gone.
"""
