// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Words for messages: what a value is, and what was perhaps meant.

const MAX_QUOTED = 40;
const MAX_MISTAKES = 2;

function quoteObject(value) {
  if (Array.isArray(value))
    return 'an array';
  const name = value.constructor?.name;

  return name && name !== 'Object' ? `an object of class ${name}` : 'an object';
}

function quote(value) {
  switch (typeof value) {
  case 'string':
    return value.length > MAX_QUOTED ? `${JSON.stringify(value.slice(0, MAX_QUOTED))}…`
      : JSON.stringify(value);
  case 'object':
    return value === null ? 'null' : quoteObject(value);
  case 'function':
    return 'a function';
  case 'bigint':
    return `${value}n`;
  default:
    return String(value);
  }
}

// How many letters are too many, missing or others, up to a few.
function countMistakes(a, b) {
  let row = Array.from({length: b.length + 1}, (_, j) => j);

  for (let i = 1; i <= a.length; i++) {
    const above = row;

    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
  }
  return row[b.length];
}

function simplify(name) {
  return name.replace(/[_-]/g, '').toLowerCase();
}

// "; did you mean …?", if one of the names is nearly `name`.
function suggest(name, names) {
  const simple = simplify(name);
  const counts = names.map(each => countMistakes(simple, simplify(each)));
  const least = Math.min(...counts);

  return least <= Math.min(MAX_MISTAKES, (simple.length - 1) / 2)
    ? `; did you mean ${names[counts.indexOf(least)]}?` : '';
}
