import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { type ReactNode, useEffect, useRef } from "react";
import { placeOf } from "./error-place.ts";
import type { CodeDifferenceProps, CodeEditorProps } from "./code-editor.tsx";
import { reading, setGuestError, writing } from "./code-mirror-setup.ts";

/** The editor itself; `CodeEditor` loads it. */
export function CodeMirror(props: CodeEditorProps): ReactNode {
  const { runtime, value, error = null } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const editor = new EditorView({
      parent,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          keymap.of([
            { key: "Mod-s", run: () => call(latest.current.onSave), preventDefault: true },
            { key: "Mod-Enter", run: () => call(latest.current.onTest), preventDefault: true },
          ]),
          writing(runtime),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [runtime]);

  // Another text than the one that is written comes from outside: a template, or what was discarded.
  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const told = error === null ? null : placeOf(error);
    const line = told === null || told.line > editor.state.doc.lines ? null : told.line;
    editor.dispatch({
      effects: [
        setGuestError.of(error),
        ...(line === null ? [] : [EditorView.scrollIntoView(editor.state.doc.line(line).from)]),
      ],
    });
  }, [error]);

  return <div ref={place} className="code-editor" />;
}

function call(what: (() => void) | undefined): boolean {
  what?.();
  return true;
}

/** A difference, of which what is the same is folded; `CodeDifference` loads it. */
export function CodeMirrorDifference({ runtime, before, after }: CodeDifferenceProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const editor = new EditorView({
      parent,
      doc: after,
      extensions: [
        reading(runtime),
        EditorState.readOnly.of(true),
        EditorView.contentAttributes.of({ "aria-label": "Difference", tabindex: "0" }),
        unifiedMergeView({
          original: before,
          mergeControls: false,
          collapseUnchanged: { margin: 3, minSize: 6 },
        }),
      ],
    });
    return () => editor.destroy();
  }, [runtime, before, after]);
  return <div ref={place} className="code-editor code-difference" />;
}
