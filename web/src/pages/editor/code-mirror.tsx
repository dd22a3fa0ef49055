import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { type ReactNode, useEffect, useRef, useSyncExternalStore } from "react";
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
          writing(runtime),
          EditorView.updateListener.of((update) => {
            const text = update.state.doc.toString();
            // What comes from outside is known there.
            if (update.docChanged && text !== latest.current.value) latest.current.onChange(text);
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

/** A difference, of which what is the same may be folded; `CodeDifference` loads it. */
export function CodeMirrorDifference(props: CodeDifferenceProps): ReactNode {
  const { runtime, before, after, whole } = props;
  const place = useRef<HTMLDivElement>(null);
  const isWide = useSyncExternalStore(listenToWidth, () => wide.matches);
  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const show = isWide && before !== after ? sideBySide : oneColumn;
    const view = show(parent, { runtime, before, after, whole });
    return () => view.destroy();
  }, [runtime, before, after, whole, isWide]);
  return (
    <div ref={place} className="code-editor code-difference" role="group" aria-label="Difference" />
  );
}

/** Where there is room for two columns of code. */
const wide = matchMedia("(width >= 1000px)");

function listenToWidth(listener: () => void): () => void {
  wide.addEventListener("change", listener);
  return () => wide.removeEventListener("change", listener);
}

/** How what is the same is folded. */
function folding({ whole }: CodeDifferenceProps) {
  return whole ? {} : { collapseUnchanged: { margin: 3, minSize: 6 } };
}

function readOnly(runtime: string, label: string): Extension {
  return [
    reading(runtime),
    EditorState.readOnly.of(true),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
  ];
}

function sideBySide(parent: HTMLElement, props: CodeDifferenceProps) {
  const { runtime, before, after } = props;
  return new MergeView({
    parent,
    a: { doc: before, extensions: readOnly(runtime, "Before") },
    b: { doc: after, extensions: readOnly(runtime, "After") },
    ...folding(props),
  });
}

function oneColumn(parent: HTMLElement, props: CodeDifferenceProps) {
  const { runtime, before, after } = props;
  return new EditorView({
    parent,
    doc: after,
    extensions: [
      readOnly(runtime, "Changes"),
      unifiedMergeView({ original: before, mergeControls: false, ...folding(props) }),
    ],
  });
}
