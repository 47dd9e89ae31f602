# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which call this process runs, where the library cannot tell."""

call = None  # of a task whose calls are run in the program itself: see local_task.py
index = None  # of the call that a supervisor has made this child for: see retries.py
