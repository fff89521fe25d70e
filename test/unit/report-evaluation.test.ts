import { describe, expect, test } from '@jest/globals';
import {
  classificationReport,
  formatClassificationReport,
} from '../../lib/report/evaluation/classification-report.js';
import { confusionMatrix, formatConfusionMatrix } from '../../lib/report/evaluation/confusion-matrix.js';

const labels = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3];
const predictions = [0, 0, 1, 1, 1, 2, 2, 0, 2, 2];
const matrix = [
  [2, 1, 0, 0, 0],
  [0, 2, 0, 0, 0],
  [1, 0, 3, 0, 0],
  [0, 0, 1, 0, 0],
  [0, 0, 0, 0, 0],
];

// Matrices and reports are what scikit-learn 1.9.1 gives for the same labels and predictions.
describe('confusionMatrix', () => {
  test('has the true classes in rows and the predicted ones in columns', () => {
    expect(confusionMatrix(Uint8Array.from(labels), predictions, 5)).toEqual(matrix);
  });

  test.each<[number[], number[], RegExp]>([
    [[], [], /Expected at least one label for labels but received 0/],
    [[0, 1], [0], /Expected 2 classes, one per label for predictions but received 1/],
    [[0, 2], [0, 1], /Expected integers from 0 to 1 for labels but received 2/],
    [[0, 1], [0, -1], /Expected integers from 0 to 1 for predictions but received -1/],
  ])('refuses labels %j with predictions %j', (truth, predicted, message) => {
    expect(() => confusionMatrix(truth, predicted, 2)).toThrow(message);
  });

  test('is shown with aligned columns', () => {
    expect(
      formatConfusionMatrix([
        [120, 3],
        [0, 7],
      ]),
    ).toBe(
      ['true \\ predicted    0  1', '               0  120  3', '               1    0  7', ''].join('\n'),
    );
  });
});

describe('classificationReport', () => {
  test('prints as scikit-learn does, with zeros for classes without images or predictions', () => {
    expect(formatClassificationReport(classificationReport(matrix))).toBe(
      [
        '              precision    recall  f1-score   support',
        '',
        '           0       0.67      0.67      0.67         3',
        '           1       0.67      1.00      0.80         2',
        '           2       0.75      0.75      0.75         4',
        '           3       0.00      0.00      0.00         1',
        '           4       0.00      0.00      0.00         0',
        '',
        '    accuracy                           0.70        10',
        '   macro avg       0.42      0.48      0.44        10',
        'weighted avg       0.63      0.70      0.66        10',
        '',
      ].join('\n'),
    );
  });

  test('widens for long names', () => {
    const report = classificationReport(confusionMatrix([0, 1, 1], [0, 1, 0], 2), [
      'cat',
      'a very long class name',
    ]);
    expect(formatClassificationReport(report)).toBe(
      [
        '                        precision    recall  f1-score   support',
        '',
        '                   cat       0.50      1.00      0.67         1',
        'a very long class name       1.00      0.50      0.67         2',
        '',
        '              accuracy                           0.67         3',
        '             macro avg       0.75      0.75      0.67         3',
        '          weighted avg       0.83      0.67      0.67         3',
        '',
      ].join('\n'),
    );
  });

  test('is plain numbers, ready for JSON', () => {
    const report = classificationReport(confusionMatrix([0, 1, 1], [0, 1, 0], 2));
    expect(JSON.parse(JSON.stringify(report))).toEqual({
      classes: [
        { name: '0', precision: 0.5, recall: 1, 'f1-score': 2 / 3, support: 1 },
        { name: '1', precision: 1, recall: 0.5, 'f1-score': 2 / 3, support: 2 },
      ],
      accuracy: 2 / 3,
      'macro avg': { precision: 0.75, recall: 0.75, 'f1-score': 2 / 3, support: 3 },
      'weighted avg': { precision: 2.5 / 3, recall: 2 / 3, 'f1-score': 2 / 3, support: 3 },
    });
  });

  test('averages over many classes land on the side of a rounding tie on which numpy lands', () => {
    const truth = [...'3070183579450380396257886729441328576388'].map(Number);
    const predicted = [...'3070184576150380394257834727442923576388'].map(Number);
    const text = formatClassificationReport(classificationReport(confusionMatrix(truth, predicted, 10)));
    expect(text).toContain('   macro avg       0.72      0.72      0.71        40\n');
  });

  test('refuses a wrong number of names', () => {
    expect(() => classificationReport(matrix, ['a'])).toThrow(
      /Expected 5 names, one per class for names but received 1/,
    );
  });
});
