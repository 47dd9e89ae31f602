#!/usr/bin/perl
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The sides of Perl: MCE, which runs many calls in each of its processes, and
# Parallel::ForkManager, which forks for each call and brings its result back.

use strict;
use warnings;

use Time::HiRes qw(time);

my $at_a_time = 2;

# A package that is not there is named in the answer, by Debian's name.
sub need {
    my ($module, $package) = @_;
    eval "require $module; 1" or die { missing => $package };
    $module->import;
}

sub check {
    my ($results, $n) = @_;
    die "wrong results\n" unless @$results == $n && !grep { $$results[$_] != 2 * $_ } 0 .. $n - 1;
}

sub run_mce {
    my ($given) = @_;
    need('MCE::Map', 'libmce-perl');
    my $begun = time;
    MCE::Map->init(max_workers => $at_a_time, chunk_size => $$given{chunk});
    my @results = MCE::Map->run(sub { 2 * $_ }, 0 .. $$given{n} - 1);
    MCE::Map->finish;
    my $seconds = time - $begun;
    check(\@results, $$given{n});
    return $seconds;
}

sub run_fork_manager {
    my ($given) = @_;
    need('Parallel::ForkManager', 'libparallel-forkmanager-perl');
    my @results;
    my $begun = time;
    my $manager = Parallel::ForkManager->new($at_a_time);
    $manager->set_waitpid_blocking_sleep(0);
    $manager->run_on_finish(sub { $results[ $_[2] ] = ${ $_[5] } });
    for my $n (0 .. $$given{n} - 1) {
        $manager->start($n) and next;
        my $result = 2 * $n;
        $manager->finish(0, \$result);
    }
    $manager->wait_all_children;
    my $seconds = time - $begun;
    check(\@results, $$given{n});
    return $seconds;
}

# Makes this process as large as that.
my $held;

sub hold {
    my ($given) = @_;
    $held = "\1" x $$given{bytes};
    return '"seconds": 0';
}

sub about {
    my %versions = (Perl => substr($^V, 1));
    for my $module ('MCE', 'Parallel::ForkManager') {
        $versions{$module} = $module->VERSION if eval "require $module; 1";
    }
    return join ', ', map { qq("$_": "$versions{$_}") } sort keys %versions;
}

my %sides = (
    'many/mce'           => sub { '"seconds": ' . run_mce(@_) },
    'calls/fork-manager' => sub { '"seconds": ' . run_fork_manager(@_) },
    'hold'               => \&hold,
    'about'              => \&about,
);

$| = 1;
while (my $line = <STDIN>) {
    my ($name, @words) = split ' ', $line;
    my %given = map { split /=/, $_, 2 } @words;
    my $answer = eval { $sides{$name}->(\%given) };
    if (ref $@) {
        $answer = qq("missing": "${$@}{missing}");
    } elsif ($@) {
        my $error = $@ =~ s/["\\\n]/ /gr;
        $answer = qq("error": "$error");
    }
    print "{$answer}\n";
}
