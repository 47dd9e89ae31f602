# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The benchmarks: what is measured (rows, curves), how (rounds, programs), how it is shown (table,
plot, report)."""
