// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A module that starts a task when it is imported, which would have workers start workers for ever.

import Pcall from 'gi://Pcall?version=1.0';

export function one() {
  return 1;
}

Pcall.pcall(one);
