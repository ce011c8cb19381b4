/** How many segments a text takes: the rule of shared/rules/segments.py, which a test holds it to. */

const BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
  + "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION = "\f^{}\\[~]|€";

/** Give `{encoding, units, segments, forcing}`; `forcing` are the characters that make it UCS-2. */
export function countSegments(text) {
  const forcing = [...new Set([...text].filter((one) => !BASIC.includes(one) && !EXTENSION.includes(one)))];
  return { ...(forcing.length ? ucs2(text) : gsm7(text)), forcing };
}

function gsm7(text) {
  const splits = [...text].flatMap((one) => (EXTENSION.includes(one) ? [false, true] : [false]));
  return { encoding: "GSM-7", units: splits.length, segments: pack(splits.length, 160, 153, (at) => splits[at]) };
}

function ucs2(text) {
  const isHigh = (at) => (text.charCodeAt(at) & 0xfc00) === 0xd800;
  const isLow = (at) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  return { encoding: "UCS-2", units: text.length, segments: pack(text.length, 70, 67, (at) => isHigh(at - 1) && isLow(at)) };
}

function pack(units, alone, perPart, splitsAPair) {
  if (units <= alone) return 1;
  let [parts, end] = [1, perPart];
  while (end < units) {
    if (splitsAPair(end)) end -= 1;
    parts += 1;
    end += perPart;
  }
  return parts;
}

/** Say it in words. */
export function segmentWords(text) {
  const { encoding, units, segments, forcing } = countSegments(text);
  const why = forcing.length ? ` because of ${forcing.slice(0, 5).join(" ")}` : "";
  return `${segments} ${segments === 1 ? "segment" : "segments"}, ${units} units, ${encoding}${why}`;
}
