/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are, and a main loop that shows it, as in ../progress.vala, with threads. */

class Cake {
  public string name;
  public int n_layers;
  public string told;
  public string result;

  public Cake (string name, int n_layers) {
    this.name = name;
    this.n_layers = n_layers;
  }
}

int n_pending = 0;

void tell (Cake cake, double fraction, string text) {
  Idle.add (() => {
    cake.told = "%3.0f %%: %s".printf (100 * fraction, text);
    return Source.REMOVE;
  });
}

void bake (Cake cake) {
  for (int i = 1; i <= cake.n_layers; i++)
    tell (cake, (double) i / cake.n_layers, "layer %d of %s".printf (i, cake.name));
  Idle.add (() => {
    cake.result = cake.name.up ();
    n_pending--;
    return Source.REMOVE;
  });
}

int main () {
  Cake[] cakes = { new Cake ("cake", 3), new Cake ("bread", 1), new Cake ("tart", 2) };

  try {
    var pool = new ThreadPool<Cake>.with_owned_data ((cake) => bake (cake),
                                                    (int) get_num_processors (), true);

    foreach (var cake in cakes) {
      pool.add (cake);
      n_pending++;
    }
    while (n_pending > 0)
      MainContext.default ().iteration (true);
    ThreadPool.free ((owned) pool, false, true);
  } catch (ThreadError error) {
    stderr.printf ("progress: %s\n", error.message);
    return 1;
  }
  foreach (var cake in cakes)
    stdout.printf ("%s, %s\n", cake.told, cake.result);
  return 0;
}
