import { mean } from '../statistics.js';
import { MODES, type Mode, type Speed } from './measure.js';
import type { Network } from './networks.js';

/** The networks' speeds as a Markdown table; with peers, how many times faster than the faster of them. */
export function table(networks: readonly Network[], speeds: readonly Speed[]): string {
  const products = [...new Set(speeds.map(({ product }) => product))];
  const fastest = (network: Network, mode: Mode, among: readonly string[]): Speed | undefined =>
    speeds
      .filter(
        (speed) => speed.network === network.name && speed.mode === mode && among.includes(speed.product),
      )
      .toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
  const peers = products.filter((product) => product !== 'convsweep');
  const ratio = (network: Network, mode: Mode): number | undefined => {
    const own = fastest(network, mode, ['convsweep']);
    const peer = fastest(network, mode, peers);
    return own && peer && own.imagesPerSecond / peer.imagesPerSecond;
  };
  const columns = products.flatMap((product) => MODES.map((mode) => ({ product, mode })));

  const rows: string[][] = [
    ['network', ...columns.map(({ product, mode }) => `${product}, ${mode}`), ...ratioHeads(peers)],
  ];
  rows.push(rows[0]!.map(() => '---'));
  for (const network of networks) {
    rows.push([
      network.about ? `${network.name}: ${network.about}` : network.name,
      ...columns.map(({ product, mode }) => cell(fastest(network, mode, [product]))),
      ...(peers.length > 0 ? MODES.map((mode) => times(ratio(network, mode))) : []),
    ]);
  }
  if (peers.length > 0) {
    const means = MODES.map((mode) => {
      const ratios = networks.flatMap((network) => ratio(network, mode) ?? []);
      return ratios.length > 0 ? times(Math.exp(mean(ratios.map(Math.log)))) : '';
    });
    rows.push(['geometric mean', ...columns.map(() => ''), ...means]);
  }
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function ratioHeads(peers: readonly string[]): string[] {
  return peers.length > 0 ? MODES.map((mode) => `${mode}, against the faster`) : [];
}

function cell(speed: Speed | undefined): string {
  if (!speed) return '';
  const rounded = Number(speed.imagesPerSecond.toPrecision(4)).toLocaleString('en');
  return speed.product === 'convsweep' ? rounded : `${rounded} (${speed.setting})`;
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '' : `${ratio.toPrecision(3)} x`;
}
