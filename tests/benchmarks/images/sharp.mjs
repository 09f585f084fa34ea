// sharp at its best, as a worker: a job on each line of standard input, its outcome on a line of standard output.
// Jobs and outcomes are those of ours.py.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);

const WEBP = { quality: 80, effort: 4 };
const within = (image, side) => image.resize(side, side, { fit: "inside", withoutEnlargement: true });
const upright = (original) => sharp(original).autoOrient();
const onWhite = (image, transparent) => (transparent ? image.flatten({ background: "#fff" }) : image);

const RENDITIONS = [
  ["large.webp", 1600, (image) => image.webp(WEBP)],
  ["large.jpeg", 1600, (image, transparent) => onWhite(image, transparent).jpeg()],
  ["medium.webp", 800, (image) => image.webp(WEBP)],
  ["thumb.webp", 320, (image) => image.webp(WEBP)],
];

const WORKS = {
  // Decoded and made smaller once; each output starts from that raster.
  async shared(original) {
    const { data, info } = await within(upright(original), 1600).raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const raster = sharp(data, { raw: { width, height, channels } });
    const sized = (side) => (side === 1600 ? raster.clone() : within(raster.clone(), side));
    return outputs(([name, side, encoded]) => [name, encoded(sized(side), channels === 4)]);
  },
  // As most write it: a pipeline for each output.
  async separate(original, path) {
    const transparent = path.endsWith(".png");
    return outputs(([name, side, encoded]) => [name, encoded(within(upright(original), side), transparent)]);
  },
  async one(original, path) {
    return { "copy.jpeg": await onWhite(within(upright(original), 1200), path.endsWith(".png")).jpeg().toBuffer() };
  },
};

// One after the other: a worker has one core.
async function outputs(pipeline) {
  const files = {};
  for (const rendition of RENDITIONS) {
    const [name, image] = pipeline(rendition);
    files[name] = await image.toBuffer();
  }
  return files;
}

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function done({ work, path, times, directory }) {
  const original = readFileSync(path);
  const spent = [];
  let files = {};
  for (let time = 0; time < times; time += 1) {
    const began = cpu();
    files = await WORKS[work](original, path);
    spent.push(cpu() - began);
  }
  mkdirSync(directory, { recursive: true });
  for (const [name, data] of Object.entries(files)) writeFileSync(`${directory}/${name}`, data);
  return { cpu: spent };
}

console.log(JSON.stringify({ versions: { sharp: sharp.versions.sharp, libvips: sharp.versions.vips, node: process.versions.node } }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await done(JSON.parse(line))));
}
