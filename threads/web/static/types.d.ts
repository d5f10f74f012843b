/** Types of what the HTTP API sends; `/openapi.json` is their source. Times are ISO 8601, null is unknown. */

export interface Thread {
  id: string;
  title: string;
  agent_id: string | null;
  owner: string | null;
  status: "idle" | "busy" | "interrupted" | "error";
  created_at: string | null;
  updated_at: string | null;
  message_count: number | null;
  last_message: string | null;
  metadata: Record<string, any>;
  tags: string[];
  pinned: boolean;
  archived: boolean;
  trashed_at: string | null;
}

export interface ToolCall {
  id: string | null;
  name: string;
  args: Record<string, any>;
}

export interface Message {
  id: string | null;
  role: "user" | "assistant" | "tool" | "system" | string;
  text: string;
  content: Record<string, any>[];
  tool_calls: ToolCall[];
  tool_call_id: string | null;
  [more: string]: any;
}

export interface Agent {
  id: string;
  default: boolean;
  [more: string]: any;
}

export interface Me {
  name: string | null;
  is_admin: boolean;
}

/** An entry of the event log. `id` is the id of the server-sent event, a string: positions exceed 2^53. */
export interface ThreadEvent {
  id: string | null;
  thread_id: string;
  sequence: number;
  type: string;
  run_id: string | null;
  data: Record<string, any>;
  created_at: string | null;
}

export type View = "chat" | "archive" | "trash" | "analytics" | "settings" | "sign-in" | "missing";

/** `thread` null in view "chat": a new conversation. `message`: the one that the address points to. */
export interface Route {
  view: View;
  thread: string | null;
  message: string | null;
}

export type Connection = "connecting" | "open" | "lost" | "refused";

/** A search result; `matches` are start and end in code points of `snippet`. */
export interface Hit {
  thread: Thread;
  message: Message | null;
  snippet: string;
  matches: [number, number][];
}

/** Usage on a day, of an agent or of a tag: `key`. */
export interface Stat {
  key: string | null;
  threads: number;
  messages: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  runs: number;
  failures: number;
  latency: number | null;
}
