import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
  syntaxTree,
} from "@codemirror/language";
import { type Diagnostic, linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { type EditorState, type Extension, StateEffect, StateField } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { placeOf } from "./error-place.ts";
import { languageNameOf } from "./templates.ts";

/** Colours are variables of theme.css, which follow the theme by themselves. */
const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--line-3)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--line-1)" },
  { tag: [tags.comment, tags.docComment], color: "var(--text-2)", fontStyle: "italic" },
  {
    tag: [tags.definition(tags.variableName), tags.function(tags.variableName)],
    color: "var(--line-2)",
  },
  { tag: [tags.typeName, tags.className], color: "var(--line-4)" },
  { tag: tags.propertyName, color: "var(--text)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13.5px", backgroundColor: "var(--surface)", color: "var(--text)" },
  "&.cm-focused": { outline: "none", boxShadow: "var(--ring)" },
  ".cm-scroller": {
    fontFamily: "var(--mono)",
    fontVariantLigatures: "none",
    lineHeight: "1.6",
  },
  ".cm-content": { caretColor: "var(--text)", padding: "10px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--surface)",
    color: "var(--text-2)",
    borderRight: "1px solid var(--border)",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--surface-2)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--surface-3) !important",
  },
  ".cm-selectionMatch, .cm-searchMatch": { backgroundColor: "var(--progress-soft)" },
  ".cm-panels": { backgroundColor: "var(--surface-2)", color: "var(--text)" },
  ".cm-textfield, .cm-button": {
    backgroundColor: "var(--surface)",
    backgroundImage: "none",
    color: "var(--text)",
    border: "1px solid var(--border-strong)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--border)",
  },
  ".cm-changedLine": { backgroundColor: "var(--ok-soft) !important" },
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": {
    backgroundColor: "var(--bad-soft) !important",
  },
  // What is changed within a line is underlined too: colours alone do not say it.
  ".cm-changedText, &.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": {
    background: "none",
    textDecoration: "underline",
    textDecorationThickness: "2px",
    textUnderlineOffset: "3px",
  },
  ".cm-collapsedLines": {
    padding: "4px 12px",
    background: "var(--surface-2)",
    color: "var(--text-2)",
    fontFamily: "var(--font)",
  },
});

/** How the code of a runtime is read: as plain text where nobody has said how. */
function languageOf(runtime: string): Extension {
  switch (languageNameOf(runtime)) {
    case "python":
      return [python(), indentUnit.of("    ")];
    case "node":
      return [javascript({ typescript: true }), indentUnit.of("  ")];
    case null:
      return indentUnit.of("  ");
  }
}

/** What an editor and a difference have in common. */
export function reading(runtime: string): Extension {
  return [lineNumbers(), languageOf(runtime), syntaxHighlighting(highlighting), look];
}

/** What it takes to write code. */
export function writing(runtime: string): Extension {
  return [
    reading(runtime),
    lintGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    drawSelection(),
    history(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    search({ top: true }),
    highlightSelectionMatches(),
    guestError,
    linter((view) => problemsOf(view.state), {
      delay: 400,
      needsRefresh: (update) =>
        update.transactions.some(({ effects }) =>
          effects.some((effect) => effect.is(setGuestError)),
        ),
    }),
    // Escape, then Tab leaves the editor.
    keymap.of([
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...lintKeymap,
      indentWithTab,
    ]),
    EditorView.contentAttributes.of({
      tabindex: "0",
      "aria-label": "Code",
      "aria-description": "Tab indents. Press Escape, then Tab, to leave the editor.",
    }),
  ];
}

/** Tells the editor what the guest said of the code that is in it; null takes it back. */
export const setGuestError = StateEffect.define<string | null>();

/** What the guest said, until the code is another. */
const guestError = StateField.define<string | null>({
  create: () => null,
  update(value, { effects, docChanged }) {
    const [told] = effects.filter((effect) => effect.is(setGuestError));
    if (told !== undefined) return told.value;
    return docChanged ? null : value;
  },
});

const shownErrors = 3;

function problemsOf(state: EditorState): readonly Diagnostic[] {
  const told = state.field(guestError);
  const place = told === null ? null : placeOf(told);
  if (told === null || place === null || place.line > state.doc.lines) return syntaxErrors(state);
  const line = state.doc.line(place.line);
  const from = Math.min(
    line.from + Math.max(0, place.column - 1),
    Math.max(line.from, line.to - 1),
  );
  return [{ from, to: Math.max(from, line.to), severity: "error", message: told }];
}

/** Where the parser could make nothing of the code; one for each line, and not many. */
function syntaxErrors(state: EditorState): readonly Diagnostic[] {
  const found = new Map<number, Diagnostic>();
  syntaxTree(state).iterate({
    enter({ type, from, to }) {
      const line = state.doc.lineAt(from).number;
      if (!type.isError || found.has(line) || found.size >= shownErrors) return;
      const end = Math.min(Math.max(to, from + 1), state.doc.length);
      found.set(line, {
        from: Math.min(from, end),
        to: end,
        severity: "warning",
        message: `Line ${line}: this does not look like valid code`,
      });
    },
  });
  return [...found.values()];
}
