/** A thumbgate service's upload field as a custom element: `<thumbgate-upload endpoint="https://host" multiple>`. */
export class ThumbgateUpload extends HTMLElement {
  /** Texts by language; English and German are there. What a language leaves out is English. */
  static texts: Record<string, ThumbgateTexts>;

  /** The service's address with a slash at its end: the attribute `endpoint`, or where this script came from. */
  readonly endpoint: string;

  /** What became of each file so far, in the order of the list. */
  readonly uploads: ThumbgateUploadState[];

  /** Takes files as if they had been chosen. */
  add(files: Iterable<File>): void;

  /** Ends what is under way, and empties the list. */
  clear(): void;
}

/** What the element's attributes take. All but `endpoint` can be left out on other pages than the service's own. */
export interface ThumbgateUploadAttributes {
  /** The service's address, such as `https://host` or `https://host/stage`. */
  endpoint?: string;
  /** Sent as `Authorization: Bearer …`. Whoever sees the page sees it. */
  "api-key"?: string;
  /** Several files instead of one. */
  multiple?: boolean;
  /** At most so many files. */
  "max-files"?: number | string;
  /** The texts' language; by default that of the page around. */
  lang?: string;
  /** As the field of a form around, the element's value is the key of each uploaded original. */
  name?: string;
  /** A form around cannot be sent without an upload. */
  required?: boolean;
  disabled?: boolean;
}

export type ThumbgateState = "waiting" | "sending" | "thumbnail" | "pausing" | "done" | "failed" | "cancelled";

export interface ThumbgateUploadState {
  file: File;
  state: ThumbgateState;
  record: ThumbgateRecord | null;
  problem: ThumbgateProblem | null;
}

/** The upload record. Of a file that went straight into a bucket no more than the keys is known, and the thumbnail's
 *  `url` is good on this page only. */
export interface ThumbgateRecord {
  upload: Partial<ThumbgatePicture> & { key: string; sha256?: string };
  thumbnail: Partial<ThumbgatePicture> & { key: string; url: string };
  url: string | null;
}

export interface ThumbgatePicture {
  bucket: string;
  key: string;
  version_id: string | null;
  content_type: "image/jpeg" | "image/png";
  bytes: number;
  width: number;
  height: number;
  url: string;
}

/** A problem document (RFC 9457). Of what this element found itself, and of answers by others, there is less. */
export interface ThumbgateProblem {
  code: string;
  /** 0 where the network was lost. */
  status: number;
  type?: string;
  title?: string;
  detail?: string;
  request_id?: string;
  limit?: number;
  actual?: number;
}

/** Parts in braces are filled in: `"{done} of {all} uploaded"`. See `ThumbgateUpload.texts.en` for all of them. */
export interface ThumbgateTexts {
  choose?: string;
  chooseOne?: string;
  orDrop?: string;
  limits?: string;
  summary?: string;
  unfinished?: string;
  progressOf?: string;
  thumbnailOf?: string;
  cancel?: string;
  retry?: string;
  remove?: string;
  copy?: string;
  copied?: string;
  again?: string;
  states?: Partial<Record<Exclude<ThumbgateState, "failed" | "pausing">, string>>;
  problems?: Record<string, string>;
}

export interface ThumbgateEvents {
  "thumbgate:progress": CustomEvent<{ file: File; state: ThumbgateState; loaded: number; total: number }>;
  "thumbgate:uploaded": CustomEvent<{ file: File; record: ThumbgateRecord }>;
  /** `message` is what the person reads. */
  "thumbgate:rejected": CustomEvent<{ file: File; problem: ThumbgateProblem; message: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "thumbgate-upload": ThumbgateUpload;
  }
  interface HTMLElementEventMap extends ThumbgateEvents {}
  interface DocumentEventMap extends ThumbgateEvents {}
}
