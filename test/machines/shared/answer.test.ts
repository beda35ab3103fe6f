import { describe, expect, it } from 'vitest';
import { no, opposite, unknown, whether, yes } from '#machines/shared/answer.ts';
import { assertNever } from '#machines/shared/exhaustive.ts';

const values = { ready: 2 };

describe('an answer', () => {
  it.each([
    ['yes', yes('it is', values), 'yes'],
    ['no', no('it is', values), 'no'],
    ['unknown', unknown('it is', values), 'unknown'],
    ['whether true', whether(true, 'it is', values), 'yes'],
    ['whether false', whether(false, 'it is', values), 'no'],
    ['the opposite of yes', opposite(yes('it is', values)), 'no'],
    ['the opposite of no', opposite(no('it is', values)), 'yes'],
    ['the opposite of unknown', opposite(unknown('it is', values)), 'unknown'],
  ])('%s keeps words and values', (_, answer, word) =>
    expect(answer).toEqual({ answer: word, because: 'it is', values }),
  );

  it.each([
    ['yes', yes('x')],
    ['no', no('x')],
    ['unknown', unknown('x')],
    ['whether', whether(true, 'x')],
  ])('%s without values has none', (_, answer) => expect(answer.values).toEqual({}));
});

it('a variant nobody expected is named', () => {
  expect(() => assertNever({ type: 'new' } as never)).toThrow('unhandled variant: {"type":"new"}');
});
