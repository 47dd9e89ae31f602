#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// SHA-256 of every regular file below a directory, in as many processes as there are processors:
// what checksums.c does, in JavaScript.
//
// The files are dealt out to hands of about the same weight, a few more hands than processes. Each
// hand is one call: it gets a list of files, and returns for each a digest or a problem. A file
// that cannot be read costs its own digest alone; a call that dies costs those of its hand.
//
// Standard output is what `sha256sum --check` reads. Names are bytes, which JavaScript has no
// strings for: a name here is a string of characters that stand for a byte each, and files go by
// their URIs.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall';
import System from 'system';

// From GLib 2.80 on, streams of descriptors have a namespace of their own.
const {OutputStream} = await import('gi://GioUnix').then(
  module => module.default, () => ({OutputStream: Gio.UnixOutputStream}));

const HANDS_PER_PROCESS = 8;
const COST_OF_OPENING = 32 * 1024; // in bytes that are summed up in the same time
const BAR_WIDTH = 50;
const ATTRIBUTES = 'standard::name,standard::type,standard::size';

// What GIO says ends with what the system said.
function describe(error) {
  return error.message.slice(error.message.lastIndexOf(': ') + 1).trim();
}

// The target. It runs in a process of its own, and sees nothing of this file.
async function digestHand(files) {
  const {default: inner} = await import('gi://GLib');
  const {default: innerGio} = await import('gi://Gio');
  const {reportProgress} = (await import('gi://Pcall')).default;
  const total = files.reduce((sum, file) => sum + file.cost, 0);
  let done = 0;
  let nextReport = 0;

  function digest({uri}) {
    const checksum = new inner.Checksum(inner.ChecksumType.SHA256);
    const stream = innerGio.File.new_for_uri(uri).read(null);

    try {
      for (let bytes; (bytes = stream.read_bytes(1024 * 1024, null)).get_size() > 0;)
        checksum.update(bytes.toArray());
    } finally {
      stream.close(null);
    }
    return checksum.get_string();
  }

  return files.map(file => {
    let sum;

    try {
      sum = {digest: digest(file)};
    } catch (error) {
      sum = {problem: error.message};
    }
    done += file.cost;
    if (inner.get_monotonic_time() >= nextReport) {
      reportProgress(done / total);
      nextReport = inner.get_monotonic_time() + 100000;
    }
    return sum;
  });
}

// Finding files and dealing them out

function* listDirectory(directory) {
  const children = directory.enumerate_children(ATTRIBUTES,
    Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, null);

  for (let info; (info = children.next_file(null)) !== null;)
    yield [children.get_child(info), info];
}

// Adds every regular file below `file` to `files`, and what could not be looked at to `sums`.
function findFiles(name, file, info, files, sums) {
  try {
    info ??= file.query_info(ATTRIBUTES, Gio.FileQueryInfoFlags.NONE, null);
    if (info.get_file_type() === Gio.FileType.REGULAR)
      files.push({name, uri: file.get_uri(), cost: info.get_size() + COST_OF_OPENING});
    if (info.get_file_type() !== Gio.FileType.DIRECTORY)
      return;
    for (const [child, childInfo] of listDirectory(file)) {
      const uri = child.get_uri();
      const base = unescape(uri.slice(uri.lastIndexOf('/') + 1));

      findFiles(`${name.replace(/\/$/, '')}/${base}`, child, childInfo, files, sums);
    }
  } catch (error) {
    sums.push({name, problem: describe(error)});
  }
}

// Deals `files`, largest first, each to the hand that is lightest by then.
function deal(files, nHands) {
  const hands = Array.from({length: nHands}, () => ({cost: 0, files: []}));

  for (const file of [...files].sort((a, b) => b.cost - a.cost)) {
    const lightest = hands.reduce((a, b) => b.cost < a.cost ? b : a);

    lightest.cost += file.cost;
    lightest.files.push(file);
  }
  return hands.map(hand => hand.files);
}

// Running

function drawBar(fraction) {
  const percent = Math.floor(100 * fraction);
  const bar = '#'.repeat(percent * BAR_WIDTH / 100);

  writeTo(2, `\r[${bar.padEnd(BAR_WIDTH)}] ${String(percent).padStart(3)} %`);
}

// What came of each file of a call; where it did not succeed, all have the same problem.
function listSums(call, hand) {
  return hand.map(({name}, i) => call.result === undefined
    ? {name, problem: String(call.error.message)}
    : {name, ...call.result[i]});
}

// Returns the sums of `files`, made in `jobs` processes, and the seconds that it took.
function digestFiles(files, jobs) {
  const hands = deal(files, Math.min(files.length, jobs === 1 ? 1 : jobs * HANDS_PER_PROCESS));
  const task = new Pcall.Pcall(digestHand, {iargs: hands.map(hand => [hand]), maxChildren: jobs});
  const showBar = GLib.log_writer_supports_color(2);
  const start = GLib.get_monotonic_time();

  if (showBar)
    task.connect('call-progress', () => drawBar(task.task.fraction));
  task.start();
  try {
    task.join();
  } catch {
    // Each call has its own error.
  }
  if (showBar)
    writeTo(2, `\r${' '.repeat(BAR_WIDTH + 8)}\r`);
  const sums = task.calls.flatMap((call, i) => listSums(call, hands[i]));

  return {sums, seconds: (GLib.get_monotonic_time() - start) / 1e6};
}

// Runs the whole twice more, in one process and in `jobs`, with the files in the page cache.
function compareWithOneProcess(files, jobs) {
  const one = digestFiles(files, 1).seconds;
  const many = digestFiles(files, jobs).seconds;

  const gain = one > many
    ? `${(one / many).toFixed(2)} times as fast`
    : 'no faster: the processors are busy, or there is little to do';

  complain(`${files.length} files once more, from the page cache: one process ${one.toFixed(3)} s, ${
    jobs} at a time ${many.toFixed(3)} s, ${gain}`);
}

// What came of it

function writeTo(fd, text) {
  const stream = new OutputStream({fd, close_fd: false});

  stream.write_all(Uint8Array.from(text, character => character.charCodeAt(0)), null);
}

// A text in the way of names.
function toBytes(text) {
  return unescape(encodeURIComponent(text));
}

function complain(text) {
  writeTo(2, `checksums: ${text}\n`);
}

// A name on one line whatever is in it, as sha256sum has it.
function escapeName(name) {
  return name.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/\r/g, '\\r');
}

function printSums(sums) {
  writeTo(1, sums.filter(({digest}) => digest).map(({name, digest}) => {
    const escaped = escapeName(name);

    return `${escaped === name ? '' : '\\'}${digest}  ${escaped}\n`;
  }).join(''));
}

function parseOptions(words) {
  const options = {jobs: 0, compare: true, roots: []};

  for (const word of words) {
    const [, jobs] = /^--jobs=(.*)$/.exec(word) ?? [];

    if (jobs !== undefined)
      options.jobs = Number(jobs);
    else if (word === '--no-compare')
      options.compare = false;
    else if (word === '--help')
      options.help = true;
    else
      options.roots.push(word);
  }
  if (!Number.isInteger(options.jobs) || options.jobs < 0)
    throw new RangeError(`--jobs is a number of processes, or 0, but not ${options.jobs}`);
  options.jobs ||= GLib.get_num_processors();
  if (options.roots.length === 0)
    options.roots.push('/usr/bin');
  return options;
}

function run(options) {
  const [files, found] = [[], []];

  for (const root of options.roots) {
    const name = unescape(GLib.uri_escape_string(root, '/', false));

    findFiles(name, Gio.File.new_for_commandline_arg(root), null, files, found);
  }
  const sums = [...found, ...digestFiles(files, options.jobs).sums]
    .sort((a, b) => a.name < b.name ? -1 : 1);
  const problems = sums.filter(({problem}) => problem);

  try {
    printSums(sums);
  } catch (error) {
    throw new Error(`standard output: ${describe(error)}`);
  }
  if (options.compare)
    compareWithOneProcess(files, options.jobs);
  for (const {name, problem} of problems)
    complain(`${escapeName(name)}: ${toBytes(describe({message: problem}))}`);
  return problems.length > 0 ? 1 : 0;
}

function main() {
  try {
    const options = parseOptions(ARGV);

    if (!options.help)
      return run(options);
    print('checksums.js [--jobs=N] [--no-compare] [DIRECTORY…]');
    return 0;
  } catch (error) {
    complain(toBytes(error.message));
    return 1;
  }
}

System.exit(main());
