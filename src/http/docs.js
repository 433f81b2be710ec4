// Shows openapi.json without any library: one foldable entry per operation, grouped by tag.
'use strict';

const element = (name, text, className) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};

// Replaces references by what they stand for, down to a depth that stays readable.
const expand = (schema, schemas, depth = 0) => {
  if (Array.isArray(schema)) return schema.map((item) => expand(item, schemas, depth));
  if (schema === null || typeof schema !== 'object') return schema;
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return depth < 4 && schemas[name] ? expand(schemas[name], schemas, depth + 1) : name;
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, expand(value, schemas, depth)]));
};

const schemaOf = (content) => Object.values(content ?? {})[0]?.schema;

const block = (title, value) => {
  const part = document.createDocumentFragment();
  part.append(element('h4', title), element('pre', JSON.stringify(value, null, 2)));
  return part;
};

const operation = (path, verb, op, schemas) => {
  const entry = element('details');
  const head = element('summary');
  head.append(element('span', verb.toUpperCase(), 'verb'), element('code', path), ` — ${op.summary ?? op.operationId}`);
  if (op.security?.length) head.append(element('span', ' 🔒', 'lock'));
  entry.append(head);
  if (op.description) entry.append(element('p', op.description));
  if (op.parameters?.length) entry.append(block('Parameters', op.parameters.map((p) => expand(p, schemas))));
  const body = schemaOf(op.requestBody?.content);
  if (body) entry.append(block('Request', expand(body, schemas)));
  for (const [status, response] of Object.entries(op.responses ?? {})) {
    if (status === 'default') continue;
    const schema = schemaOf(response.content);
    entry.append(schema ? block(`Answer ${status}`, expand(schema, schemas)) : element('h4', `Answer ${status}`));
  }
  return entry;
};

const show = (api) => {
  const schemas = api.components?.schemas ?? {};
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [verb, op] of Object.entries(item)) {
      const tag = op.tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, verb, op, schemas));
    }
  }
  const main = document.getElementById('operations');
  main.replaceChildren();
  for (const [tag, entries] of groups) {
    const section = element('section');
    section.append(element('h2', tag), ...entries);
    main.append(section);
  }
  document.getElementById('filter').addEventListener('input', (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const section of main.children) {
      const entries = [...section.querySelectorAll('details')];
      for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
      section.hidden = entries.every((entry) => entry.hidden);
    }
  });
};

fetch('openapi.json')
  .then((response) => response.json())
  .then(show)
  .catch((error) => {
    document.getElementById('operations').textContent = `Cannot load openapi.json: ${error}`;
  });
