import {
  type Activation,
  activation as anyActivation,
  buildLayer,
  type LayerKind,
  type Named,
} from './layer.js';

export interface ActivationSpec extends Named {
  type: 'Activation';
  activation: Activation;
}

export const ACTIVATION: LayerKind<ActivationSpec> = {
  type: 'Activation',
  snakeCase: 'activation',
  fields: { activation: anyActivation },
  outputShape: (_, input) => [...input],
  weights: () => [],
  native: ({ activation }) => ({ type: 'Activation', activation }),
  toKeras: ({ activation }) => ({ activation }),
  fromKeras: ({ activation }) => ({ activation }),
};

/** `layers.activation('relu')`. */
export function activation(activation: Activation, options: { name?: string } = {}): ActivationSpec {
  return buildLayer(ACTIVATION, 'activation', {}, { ...options, activation });
}
