#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Domain names for benchmarks, made by chance from a seed: the same ones every time.

generate_names.py COUNT [--seed N] [--hosts]     a list: COUNT different names, or a hosts file
generate_names.py COUNT --queries random|mix     queries for dnsperf, none of them listed: each
                                                 for a new name, or few asked often (Zipf)

Label counts, lengths and top level domains are spread as in public blocklists: two thirds of the
names have two labels, most others three.
"""

import argparse
import bisect
import itertools
import random
import sys

TOP_LEVEL = ["com"] * 46 + \
    ["net", "org", "info", "xyz", "top", "ru", "de", "cn", "br", "in"] * 4 + \
    ["co.uk", "com.br", "io", "site", "online", "shop", "club", "biz", "us", "fr", "it", "nl", "pl"]
VOWELS = ["a", "e", "i", "o", "u", "ar", "en", "is"]
SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvwz" for vowel in VOWELS]
# No syllable begins with it: what is asked for is not listed, nor below a listed name.
INNOCENT = "q"
PREFIXES = ["www", "mail", "cdn", "api", "login", "secure", "static", "m", "ads", "track"]
POPULAR = 5000  # names in the mix


def label(chance, start=""):
    """4 to 20 characters, some with a hyphen or digits."""
    text = start + "".join(chance.choices(SYLLABLES, k=chance.randint(2, 6)))
    kind = chance.random()
    if kind < 0.10:
        return f"{text}{chance.randint(0, 9999)}"
    if kind < 0.20:
        return f"{text}-{chance.choice(SYLLABLES)}{chance.choice(SYLLABLES)}"
    return text


def name(chance, start):
    parts = [label(chance, start), chance.choice(TOP_LEVEL)]
    depth = chance.random()
    if depth < 0.33:
        parts.insert(0, chance.choice(PREFIXES) if depth < 0.20 else label(chance))
    if depth < 0.05:
        parts.insert(0, label(chance))
    return ".".join(parts)


def unique(chance, start=""):
    """Names without end, none twice."""
    seen = set()
    while True:
        made = name(chance, start)
        if made not in seen:
            seen.add(made)
            yield made


def random_queries(chance):
    """Three labels that nobody asked for before."""
    while True:
        registered = label(chance, INNOCENT) + str(chance.randint(0, 999))
        yield f"{label(chance)}.{registered}.{chance.choice(TOP_LEVEL)}"


def mixed_queries(chance):
    """The n-th most popular name is asked for 1/n as often as the first."""
    names = list(itertools.islice(unique(chance, INNOCENT), POPULAR))
    weights = list(itertools.accumulate(1 / rank for rank in range(1, POPULAR + 1)))
    while True:
        yield names[bisect.bisect(weights, chance.random() * weights[-1])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hosts", action="store_true")
    parser.add_argument("--queries", choices=["random", "mix"])
    options = parser.parse_args()
    chance = random.Random(options.seed)
    source = {None: unique, "random": random_queries, "mix": mixed_queries}[options.queries]
    form = "{} A\n" if options.queries else "0.0.0.0 {}\n" if options.hosts else "{}\n"
    sys.stdout.writelines(form.format(made)
                          for made in itertools.islice(source(chance), options.count))


if __name__ == "__main__":
    main()
