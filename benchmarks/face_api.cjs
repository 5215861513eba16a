// Answers benchmarks/peers.py: one JSON request a line, one JSON reply a line. It is started in a
// folder that holds @vladmandic/face-api, @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm.
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');

const load = createRequire(path.join(process.cwd(), 'index.js'));
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
const home = path.dirname(load.resolve('@vladmandic/face-api/package.json'));
const faceapi = load(path.join(home, 'dist', 'face-api.node-wasm.js'));

async function ask(pixels, side) {
  const image = tf.tensor3d(pixels, [side, side, 3], 'int32');
  const found = await faceapi.nets.ageGenderNet.predictAgeAndGender(image);
  image.dispose();
  return found;
}

async function main() {
  const folder = path.dirname(load.resolve('@tensorflow/tfjs-backend-wasm'));
  wasm.setWasmPaths(folder + path.sep);
  await tf.setBackend('wasm');
  await tf.ready();
  await faceapi.nets.ageGenderNet.loadFromDisk(path.join(home, 'model'));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { crops, side, n, each, answers } = JSON.parse(line);
    const file = fs.openSync(crops, 'r');
    const area = side * side * 3;
    const size = fs.fstatSync(file).size;
    const milliseconds = [];
    const told = [];
    for (let i = 0; i < n; i += each) {
      const batch = Buffer.alloc(area * each);
      for (let j = 0; j < each; j += 1) {
        fs.readSync(file, batch, j * area, area, ((i + j) * area) % size);
      }
      const start = process.hrtime.bigint();
      for (let j = 0; j < each; j += 1) {
        const found = await ask(batch.subarray(j * area, (j + 1) * area), side);
        if (answers) told.push([found.age, found.gender, null]);
      }
      milliseconds.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    fs.closeSync(file);
    console.log(JSON.stringify({ milliseconds, told }));
  }
}

main();
