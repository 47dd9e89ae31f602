#!/usr/bin/perl
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# MCE's side of many-calls.py: prints the seconds of one mce_map.
#
# usage: many-calls.pl CALLS CHUNK

use strict;
use warnings;

use MCE::Map;
use Time::HiRes qw(time);

my ($n_calls, $chunk) = @ARGV;

my $begun = time;
MCE::Map->init (max_workers => 2, chunk_size => $chunk);
my @results = mce_map { 2 * $_ } 0 .. $n_calls - 1;
MCE::Map->finish;
my $seconds = time - $begun;

die "wrong results" unless @results == $n_calls && $results[-1] == 2 * ($n_calls - 1);
printf "%.6f\n", $seconds;
