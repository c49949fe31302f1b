// The query's editor: one line of the query language in CodeMirror, inside a shadow root so that its
// styles are adopted sheets, which a strict content security policy allows.

import { autocompletion, acceptCompletion, closeCompletion, completionKeymap, completionStatus, startCompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, keymap, placeholder, type DecorationSet } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { ask } from '../lib/api';
import type { Candidate } from '../lib/types';

/** The tokens of the language; what names mean is the server's knowledge. */
const language = StreamLanguage.define<null>({
  startState: () => null,
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)/)) return 'string';
    if (stream.match(/^\d+(?:\.\d+)?/)) return 'number';
    if (stream.match(/^(?:true|false|null|in)\b/)) return 'keyword';
    if (stream.match(/^[A-Za-z_][\w.]*(?=\()/)) return 'function';
    if (stream.match(/^[A-Za-z_]\w*(?:\.\w+)*/)) return 'propertyName';
    if (stream.match(/^(?:&&|\|\||[=!<>]=?|[+\-*/%?:])/)) return 'operator';
    stream.next();
    return null;
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const colours = HighlightStyle.define([
  { tag: tags.string, color: 'var(--data)' },
  { tag: tags.number, color: 'var(--message)' },
  { tag: tags.keyword, color: 'var(--rpc)' },
  { tag: tags.function(tags.variableName), color: 'var(--rpc)' },
  { tag: tags.propertyName, color: 'var(--text)' },
  { tag: tags.operator, color: 'var(--faint)' },
]);

const theme = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', overflowX: 'hidden', maxHeight: '104px' },
  '.cm-content': { padding: '6px 0', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0 2px' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection': { backgroundColor: 'light-dark(#cddcff, #2d4379) !important' },
  '.cm-placeholder': { color: 'var(--faint)', fontFamily: 'var(--sans)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent-line)' },
  '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'transparent' },
  '.cm-fault': { textDecoration: 'underline wavy var(--error) 1px', textUnderlineOffset: '4px', backgroundColor: 'var(--error-soft)' },
  '.cm-tooltip': { border: '1px solid var(--line-strong)', borderRadius: '8px', backgroundColor: 'var(--raised)', boxShadow: 'var(--shadow)', overflow: 'hidden', zIndex: '80' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '300px', minWidth: '380px', maxWidth: '640px', padding: '4px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px', borderRadius: '5px', lineHeight: '20px', display: 'flex', gap: '12px', color: 'var(--text)' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent-soft) !important', color: 'var(--text) !important' },
  '.cm-completionLabel': { flex: 'none', maxWidth: '60%', overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionMatchedText': { textDecoration: 'none', color: 'var(--accent)', fontWeight: '600' },
  '.cm-completionDetail': { marginLeft: 'auto', fontStyle: 'normal', fontFamily: 'var(--sans)', color: 'var(--faint)', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
});

// === A fault under its place ===

const setFault = StateEffect.define<[number, number] | null>();
const fault = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    marks = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setFault)) continue;
      const length = transaction.newDoc.length;
      if (!effect.value) marks = Decoration.none;
      else {
        const to = Math.min(length, Math.max(effect.value[1], effect.value[0] + 1)), from = Math.max(0, Math.min(effect.value[0], to - 1));
        marks = to > from ? Decoration.set([Decoration.mark({ class: 'cm-fault' }).range(from, to)]) : Decoration.none;
      }
    }
    return marks;
  },
  provide: field => EditorView.decorations.from(field),
});

/** The API counts bytes of UTF-8, the editor UTF-16 units. */
export function unitsAt(text: string, bytes: number): number {
  let seen = 0, at = 0;
  for (const char of text) {
    if (seen >= bytes) break;
    const code = char.codePointAt(0)!;
    seen += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    at += char.length;
  }
  return at;
}

export function bytesAt(text: string, units: number): number {
  return new TextEncoder().encode(text.slice(0, units)).length;
}

async function candidates(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  if (!context.explicit && !/[\w."'=]\s?$/.test(text.slice(0, context.pos))) return null;
  const stop = new AbortController();
  context.addEventListener('abort', () => stop.abort());
  try {
    const answer = await ask<{ from: number; candidates: Candidate[] }>('complete', { text, at: bytesAt(text, context.pos) }, stop.signal);
    const from = unitsAt(text, answer.from);
    return {
      from,
      filter: false,
      options: answer.candidates.slice(0, 100).map(one => ({
        label: one.text, detail: one.about, type: one.kind,
        apply: (view, _, at, to) => view.dispatch({ changes: { from: at, to, insert: one.text }, selection: { anchor: at + one.text.length }, userEvent: 'input.complete' }),
      })),
    };
  } catch {
    return null;
  }
}

export interface Editor {
  view: EditorView;
  text(): string;
  set(text: string): void;
  fault(at: [number, number] | null): void;
  focus(): void;
  destroy(): void;
}

export interface Wishes {
  text: string;
  hint: string;
  label: string;
  changed(text: string): void;
  submit(text: string): void;
  /** Older (−1) or newer (+1) query of the history. */
  past(step: -1 | 1): void;
  leave(): void;
}

export function editor(host: HTMLElement, wishes: Wishes): Editor {
  const root = host.attachShadow({ mode: 'open' });
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: wishes.text,
      extensions: [
        Prec.highest(keymap.of([
          { key: 'Enter', run: view => (completionStatus(view.state) === 'active' && acceptCompletion(view)) || (closeCompletion(view), wishes.submit(view.state.doc.toString()), true) },
          { key: 'Tab', run: acceptCompletion },
          { key: 'Mod-Space', run: startCompletion },
          { key: 'Escape', run: view => closeCompletion(view) || (wishes.leave(), true) },
          { key: 'ArrowUp', run: view => completionStatus(view.state) === null && (wishes.past(-1), true) },
          { key: 'ArrowDown', run: view => completionStatus(view.state) === null && (wishes.past(1), true) },
        ])),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorState.transactionFilter.of(transaction => {
          if (!transaction.docChanged || transaction.newDoc.lines === 1) return transaction;
          const text = transaction.newDoc.toString().replace(/\s*\n\s*/g, ' ');
          return { changes: { from: 0, to: transaction.startState.doc.length, insert: text }, selection: { anchor: text.length } };
        }),
        history(), bracketMatching(), closeBrackets(), language, syntaxHighlighting(colours), theme, fault,
        autocompletion({ override: [candidates], icons: false, activateOnTyping: true, activateOnTypingDelay: 60, interactionDelay: 0, selectOnOpen: false, maxRenderedOptions: 60 }),
        EditorView.lineWrapping, placeholder(wishes.hint),
        EditorView.contentAttributes.of({ 'aria-label': wishes.label, spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off' }),
        EditorView.updateListener.of(update => { if (update.docChanged) wishes.changed(update.state.doc.toString()); }),
      ],
    }),
  });
  return {
    view,
    text: () => view.state.doc.toString(),
    set: text => { if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } }); },
    fault: at => view.dispatch({ effects: setFault.of(at) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
