// How long a user waits for the first optimizer step: prints seconds since `import` and since the process started.
const beginOfImport = performance.now();
const { loadDigits, notebookModel } = await import('../lib/index.js');
const digits = await loadDigits();
const model = notebookModel([60, 60, 60], { seed: 1, device: 'cpu' });
const batch = digits.subset(Array.from({ length: 128 }, (_, i) => i * 78));
const images = Buffer.concat(Array.from(batch.rows, (_, i) => batch.image(i)));
await model.trainOnBatch(new Uint8Array(images), batch.labels());
const end = performance.now();
console.log(JSON.stringify({ sinceImport: (end - beginOfImport) / 1e3, sinceStart: end / 1e3 }));
