#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that tell how far they are, as in progress.py, with multiprocessing."""

import multiprocessing


def bake(index, what, layers, queue):
    for layer in range(layers):
        queue.put((index, (layer + 1) / layers, f"layer {layer + 1} of {what}"))
    queue.put((index, None, what.upper()))


def tell(index, part, text):
    told[index] = f"{part:4.0%}: {text}"


told = {}
results = {}
if __name__ == "__main__":
    queue = multiprocessing.Queue()
    orders = [("cake", 3), ("bread", 1), ("tart", 2)]
    processes = [
        multiprocessing.Process(target=bake, args=(index, what, layers, queue))
        for index, (what, layers) in enumerate(orders)
    ]
    for process in processes:
        process.start()
    while len(results) < len(orders):
        index, part, text = queue.get()
        if part is None:
            results[index] = text
        else:
            tell(index, part, text)
    for process in processes:
        process.join()
    for index in range(len(orders)):
        print(f"{told[index]}, {results[index]}")
