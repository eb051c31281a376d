// SPDX-License-Identifier: Apache-2.0
// The official openai SDK against a gateway in front of vidai-mock: it must notice nothing.
// Started by sdk_test.py, which sets the addresses and keys. Node 18 and its own test runner.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

const { VIDAI_URL, VIDAI_KEY, VIDAI_LIMITED_KEY, VIDAI_NARROW_KEY, MOCK_URL } = process.env;
const messages = [{ role: 'user', content: 'Say hello.' }];

function client(options = {}) {
  return new OpenAI({ baseURL: `${VIDAI_URL}/v1`, apiKey: VIDAI_KEY, maxRetries: 0, ...options });
}

async function mock(method, path, body) {
  const answer = await fetch(MOCK_URL + path, { method, body: body && JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json().catch(() => null);
}

async function withFault(fault, then) {
  await mock('POST', '/mock/faults', fault);
  try {
    return await then();
  } finally {
    await mock('DELETE', '/mock/faults');
  }
}

async function countRequests(then) {
  await mock('DELETE', '/mock/bill');
  await then();
  const bill = await mock('GET', '/mock/bill');
  return bill.rows.reduce((sum, row) => sum + row.started, 0);
}

test('a completion has text, usage and a request id', async () => {
  const answer = await client().chat.completions.create({ model: 'demo', messages });
  assert.equal(answer.object, 'chat.completion');
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.usage.total_tokens,
    answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.match(answer._request_id, /^req_[0-9a-f]{24}$/);
});

test('unknown fields and tools pass through', async () => {
  await client().chat.completions.create({
    model: 'demo', messages, metadata: { team: 'a' }, x_vendor: { deep: [1, 2.5, null] },
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
  });
  const { requests } = await mock('GET', '/mock/requests?last=1');
  const last = requests.at(-1);
  const body = JSON.parse(Buffer.from(last.body_base64, 'base64').toString());
  assert.deepEqual(body.x_vendor, { deep: [1, 2.5, null] });
  assert.equal(body.tools[0].function.name, 'f');
  assert.equal(body.model, 'mock-model');
});

test('a stream arrives in pieces, ends, and shows no usage that was not asked for', async () => {
  const stream = await client().chat.completions.create({ model: 'demo', messages, stream: true });
  let text = '';
  let finish = null;
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1, 'the usage chunk leaked');
    text += chunk.choices[0].delta.content ?? '';
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.ok(text.length > 0);
  assert.ok(finish);
});

test('a stream with include_usage ends with the usage', async () => {
  const stream = await client().chat.completions.create({
    model: 'demo', messages, stream: true, stream_options: { include_usage: true },
  });
  let usage = null;
  for await (const chunk of stream) usage = chunk.usage ?? usage;
  assert.ok(usage.completion_tokens > 0);
});

test("the SDK's own stream helper assembles the message", async () => {
  const runner = client().chat.completions.stream({ model: 'demo', messages });
  const final = await runner.finalChatCompletion();
  assert.ok(final.choices[0].message.content.length > 0);
});

test('streamed and unstreamed say the same', async () => {
  const whole = await client().chat.completions.create({ model: 'demo', messages, seed: 5 });
  const runner = client().chat.completions.stream({ model: 'demo', messages, seed: 5 });
  assert.equal(await runner.finalContent(), whole.choices[0].message.content);
});

test('models are listed', async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes('demo'));
});

test('a key with an allow-list sees and uses only its models', async () => {
  const narrow = client({ apiKey: VIDAI_NARROW_KEY });
  const ids = [];
  for await (const model of narrow.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ['other']);
  await assert.rejects(narrow.chat.completions.create({ model: 'demo', messages }),
    (error) => error instanceof OpenAI.PermissionDeniedError && error.code.length > 0);
});

test('a wrong key is an AuthenticationError and is not retried', async () => {
  const wrong = client({ apiKey: 'sk-vidai-AAAAAAAAAAAA-' + 'B'.repeat(43), maxRetries: 2 });
  await assert.rejects(wrong.chat.completions.create({ model: 'demo', messages }), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, 'invalid_api_key');
    assert.match(error.requestID, /^req_/);
    return true;
  });
});

test('an unknown model is a NotFoundError with a code', async () => {
  await assert.rejects(client().chat.completions.create({ model: 'nope', messages }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.equal(error.param, 'model');
    return true;
  });
});

test('a bad field is a BadRequestError that names it', async () => {
  await assert.rejects(client().chat.completions.create({ model: 'demo', messages: 'no' }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === 'messages');
});

test('over the limit is a RateLimitError that says when to come back', async () => {
  const limited = client({ apiKey: VIDAI_LIMITED_KEY });
  let refused = null;
  for (let i = 0; i < 4 && refused === null; ++i) {
    try {
      await limited.chat.completions.create({ model: 'demo', messages });
    } catch (error) {
      refused = error;
    }
  }
  assert.ok(refused instanceof OpenAI.RateLimitError, String(refused));
  assert.equal(refused.headers.get('x-should-retry'), 'true');
  assert.equal(refused.headers.get('x-ratelimit-limit-requests'), '2');
  assert.equal(refused.headers.get('x-ratelimit-remaining-requests'), '0');
  const ms = Number(refused.headers.get('retry-after-ms'));
  assert.ok(ms > 0 && ms <= 120_000, `retry-after-ms ${ms}`);
  assert.equal(Number(refused.headers.get('retry-after')), Math.ceil(ms / 1000));
});

test("a provider's 429 with retry-after-ms is retried by the SDK and succeeds", async () => {
  await withFault({ fault: 'status=429,retry-after-ms=50', count: 1 }, async () => {
    const answer = await client({ maxRetries: 2 }).chat.completions.create(
      { model: 'demo', messages });
    assert.ok(answer.choices[0].message.content.length > 0);
  });
});

test('a provider that fails once is retried on the next target within one request', async () => {
  const requests = await countRequests(() =>
    withFault({ fault: 'status=503', count: 1 }, async () => {
      const answer = await client().chat.completions.create({ model: 'pair', messages });
      assert.ok(answer.choices[0].message.content.length > 0);
    }));
  assert.equal(requests, 2);
});

test('a provider that is down is an APIError with a code, in good time', async () => {
  await assert.rejects(client().chat.completions.create({ model: 'down', messages }), (error) => {
    assert.equal(error.status, 502);
    assert.equal(error.code, 'upstream_unreachable');
    return true;
  });
});

test('garbage from the provider is a 502, not a crash of the client', async () => {
  for (const fault of ['malformed', 'garbage']) {
    await withFault({ fault }, async () => {
      await assert.rejects(client().chat.completions.create({ model: 'demo', messages }),
        (error) => error.status === 502);
    });
  }
});

test("a refusal of the gateway's own credential is not the caller's error", async () => {
  const requests = await countRequests(() =>
    withFault({ fault: 'status=401' }, async () => {
      await assert.rejects(
        client({ maxRetries: 2 }).chat.completions.create({ model: 'pair', messages }),
        (error) => {
          assert.ok(!(error instanceof OpenAI.AuthenticationError), String(error));
          assert.equal(error.status, 502);
          assert.equal(error.code, 'upstream_credential_refused');
          assert.equal(error.headers.get('x-should-retry'), 'false');
          return true;
        });
    }));
  assert.equal(requests, 2, 'each target once, and no retry of the SDK');
});

test('an error event of the provider is thrown once, as the provider wrote it', async () => {
  await withFault({ fault: 'error-after=3' }, async () => {
    const stream = await client().chat.completions.create(
      { model: 'demo', messages, stream: true });
    await assert.rejects(async () => {
      for await (const chunk of stream) void chunk;
    }, (error) => error instanceof OpenAI.APIError && /provider broke off/.test(error.message));
  });
});

test('a stream that breaks off is an APIError, not a silent end', async () => {
  await withFault({ fault: 'reset-after=3' }, async () => {
    const stream = await client().chat.completions.create(
      { model: 'demo', messages, stream: true });
    await assert.rejects(async () => {
      for await (const chunk of stream) void chunk;
    }, (error) => error instanceof OpenAI.APIError && error.code === 'upstream_interrupted');
  });
});

test('an aborted stream ends the provider call', async () => {
  await mock('DELETE', '/mock/bill');
  await withFault({ fault: 'rate=20,tokens=400' }, async () => {
    const stream = await client().chat.completions.create(
      { model: 'demo', messages, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) break;
    }
    stream.controller.abort();
    for (let i = 0; i < 200; ++i) {
      const { rows } = await mock('GET', '/mock/bill');
      if (rows.some((row) => row.aborted > 0)) return;
      await new Promise((later) => setTimeout(later, 20));
    }
    assert.fail('the provider was still producing 4 s after the client left');
  });
});

test('Server-Timing tells the gateway from the provider', async () => {
  const { response } = await client().chat.completions.create({ model: 'demo', messages })
    .withResponse();
  const timing = response.headers.get('server-timing');
  for (const part of ['total', 'auth', 'admit', 'route', 'upstream']) {
    assert.match(timing, new RegExp(`${part};dur=\\d+\\.\\d{3}`));
  }
});
