// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A program that is killed: it prints its workers, one of which is busy, and the other idle or busy.

import Pcall from 'gi://Pcall?version=1.0';

function getPid() {
  return new imports.gi.Gio.Credentials().get_unix_pid();
}

const pool = new Pcall.Pool({maxChildren: 2, idleTimeout: 0});
const pids = new Set(await pool.map(getPid, [1, 2, 3, 4, 5, 6]).toArray());
const busy = pool.map(() => {
  for (;;)
    ;
}, [1]).next();

print(JSON.stringify([...pids]));
await busy;
