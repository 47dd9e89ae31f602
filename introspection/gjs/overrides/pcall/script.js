// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The script that a function stands in, and what it imports.
//
// A function does not tell where it comes from, but whoever gives it to us is likely to be called
// from there: of the files of the stack it is the one that has the source of the function in it. In
// the worker the function has what that script imports by the names that it mentions, and its own
// import() and import.meta are those of the script.
//
// In an evaluated source import() is relative to the file that evaluates it, and import.meta is no
// syntax. So the word is another there, of the same length for the sake of columns in stacks, which
// is an argument of what is evaluated.

const {Gio} = imports.gi;

var IMPORT = '$mport';

const FRAME = /@(.+?):\d+:\d+$/;
const RELATIVE = /^\.{0,2}\//;
const OWN_DIRECTORY = Gio.File.new_for_path(new Error().fileName).get_parent();

// Tokens: enough of the language to tell code from strings, comments and the like.

const SKIPPED = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const STRING = /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/y;
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y;
const TEMPLATE = /[`}](?:\\[^]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;
const WORD = /[\w$\u0080-\uffff]+/y;
const OTHER = /\?\.|=>|[^]/y;
// What a regular expression cannot follow: there a slash divides.
const OPERAND = /^(?!(?:return|typeof|case|in|of|do|else|void|delete|await|yield)$)[\w$)\]}"'`]/;

class Tokenizer {
  constructor(text) {
    this._text = text;
    this._at = 0;
    this._depth = 0;
    this._templates = []; // how deep in braces each of those is that we are inside of
    this._last = '';
  }

  // {text, at, depth} of each token but for space and comments.
  *[Symbol.iterator]() {
    for (this._match(SKIPPED); this._at < this._text.length; this._match(SKIPPED)) {
      const at = this._at;
      const text = this._next();

      this._last = text;
      yield {text, at, depth: this._depth};
    }
  }

  _match(pattern) {
    pattern.lastIndex = this._at;
    const found = pattern.exec(this._text)?.[0] ?? null;

    this._at += found?.length ?? 0;
    return found;
  }

  _next() {
    const first = this._text[this._at];

    if (first === '`' || (first === '}' && this._templates.at(-1) === this._depth))
      return this._nextOfTemplate(first) ?? this._match(OTHER);
    return this._match(WORD) ?? this._match(STRING) ??
      (first === '/' && !OPERAND.test(this._last) ? this._match(REGEXP) : null) ?? this._nextOther();
  }

  _nextOfTemplate(first) {
    const part = this._match(TEMPLATE);

    if (first === '}')
      this._templates.pop();
    if (part?.endsWith('${'))
      this._templates.push(this._depth);
    return part;
  }

  _nextOther() {
    const text = this._match(OTHER);

    this._depth += text === '{' ? 1 : text === '}' ? -1 : 0;
    return text;
  }
}

// Whether tokens[i] is the word itself, and not the name of a property.
function isBare(tokens, i) {
  return !/^\??\.$/.test(tokens[i - 1]?.text ?? '');
}

function isImport(tokens, i) {
  return tokens[i].text === 'import' && isBare(tokens, i);
}

function isExpression(tokens, i) {
  return isImport(tokens, i) && /^[(.]$/.test(tokens[i + 1]?.text ?? '');
}

// The source with the other word in the place of `import`.
function replaceImports(source, tokens) {
  let replaced = source;

  tokens.forEach(({at}, i) => {
    if (isExpression(tokens, i))
      replaced = replaced.slice(0, at) + IMPORT + replaced.slice(at + IMPORT.length);
  });
  return replaced;
}

// Declarations

// [local, name, from] of what stands between `import` and its address. `*` is all of the module.
function readClause(words, from) {
  const names = [];
  let inBraces = false;

  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const isRenamed = words[i + 1] === 'as';

    if (word === '{' || word === '}')
      inBraces = word === '{';
    else if (word !== ',' && isRenamed)
      names.push([words[i += 2], word.replace(/^["']|["']$/g, ''), from]);
    else if (word !== ',')
      names.push([word, inBraces ? word : 'default', from]);
  }
  return names;
}

function readDeclarations(text) {
  const tokens = [...new Tokenizer(text)];
  const names = [];

  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i].depth > 0 || !isImport(tokens, i) || isExpression(tokens, i))
      continue;
    const end = tokens.findIndex(({text: word}, j) => j > i && word === 'from');
    const address = tokens[end + 1]?.text ?? '';

    if (end > i && /^["']/.test(address))
      names.push(...readClause(tokens.slice(i + 1, end).map(each => each.text), address.slice(1, -1)));
  }
  return names;
}

// Scripts

const scripts = new Map();

function readScript(file) {
  try {
    return new TextDecoder().decode(file.load_contents(null)[1]);
  } catch {
    return '';
  }
}

function getScript(file) {
  const uri = file.get_uri();

  if (!scripts.has(uri)) {
    const text = readScript(file);

    scripts.set(uri, {uri, text, declarations: null});
  }
  return scripts.get(uri);
}

function getDeclarations(script) {
  script.declarations ??= readDeclarations(script.text);
  return script.declarations;
}

function listFiles(stack) {
  const places = stack.split('\n').map(line => FRAME.exec(line)?.[1]).filter(Boolean);

  return [...new Set(places)].filter(place => /^(?:\/|file:|resource:)/.test(place))
    .map(place => Gio.File.new_for_commandline_arg(place))
    .filter(file => !file.has_prefix(OWN_DIRECTORY));
}

function listNames(tokens) {
  return new Set(tokens.filter((_, i) => isBare(tokens, i)).map(({text}) => text));
}

// What a worker has to know of where `source` stands: {source, uri, names}, as far as it is known.
function describeSource(source) {
  const script = listFiles(new Error().stack).map(getScript).find(({text}) => text.includes(source));
  const tokens = [...new Tokenizer(source)];
  const replaced = replaceImports(source, tokens);

  if (script === undefined)
    return {source: replaced};
  const mentioned = listNames(tokens);

  return {
    source: replaced, uri: script.uri,
    names: getDeclarations(script).filter(([local]) => mentioned.has(local)),
  };
}

// In the worker

// The address of a module that the script at `uri` calls `specifier`.
function resolveAddress(specifier, uri) {
  if (!RELATIVE.test(specifier))
    return specifier;
  if (uri === undefined) {
    throw new Error(`import of "${specifier}": it is not known which script the function stands in; ` +
      'give a URI, or use Pcall.moduleTarget()');
  }
  return Gio.File.new_for_uri(uri).get_parent().resolve_relative_path(specifier).get_uri();
}

// What stands for `import` in a source of that script.
function makeImport(uri) {
  const importFor = async specifier => await import(resolveAddress(String(specifier), uri));

  importFor.meta = {url: uri};
  return importFor;
}
