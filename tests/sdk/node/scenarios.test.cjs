// What people do with the npm package `cloudinary`, unmodified, over https as it defaults to: configured by CLOUDINARY_URL alone.
'use strict'
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const path = require('node:path')
const { after, before, test } = require('node:test')
const cloudinary = require('cloudinary').v2

const FILES = process.env.FILES
const LOGO = path.join(FILES, 'logo.png')
const [WIDTH, HEIGHT] = [241, 51]
const name = (text) => `${process.env.PREFIX}/${text}`

/** Status, headers and body of a delivery URL. */
function fetched (url, headers = {}) {
  return new Promise((resolve, reject) => {
    https.get(url, { headers }, (answer) => {
      const pieces = []
      answer.on('data', (piece) => pieces.push(piece))
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) }))
    }).on('error', reject)
  })
}

/** Width and height of a PNG. */
const sizeOf = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)]
const md5 = (bytes) => crypto.createHash('md5').update(bytes).digest('hex')
const failsWith = (code, message) => (failed) => {
  const error = failed.error || failed
  assert.equal(error.http_code, code)
  assert.match(error.message, message)
  return true
}

before(async () => {
  await cloudinary.uploader.upload(LOGO, { public_id: name('logo'), tags: ['one', 'two'], context: { alt: 'a logo' } })
})

test('an upload answers with a signature that the SDK verifies, and URLs that work', async () => {
  const made = await cloudinary.uploader.upload(LOGO, { folder: name('in'), use_filename: true, unique_filename: false })
  assert.equal(made.public_id, name('in/logo'))
  assert.deepEqual([made.width, made.height, made.format, made.etag], [WIDTH, HEIGHT, 'png', md5(fs.readFileSync(LOGO))])
  assert.ok(cloudinary.utils.verify_api_response_signature(made.public_id, made.version, made.signature))
  for (const url of [made.url, made.secure_url]) {
    assert.ok(url.startsWith('https://'), url)
    const got = await fetched(url)
    assert.equal(got.status, 200)
    assert.deepEqual(sizeOf(got.body), [WIDTH, HEIGHT])
  }
})

test('a stream is uploaded as it comes', async () => {
  const made = await new Promise((resolve, reject) => {
    const upload = cloudinary.uploader.upload_stream({ public_id: name('stream') }, (error, result) => error ? reject(error) : resolve(result))
    fs.createReadStream(LOGO, { highWaterMark: 512 }).pipe(upload)
  })
  assert.deepEqual([made.public_id, made.width], [name('stream'), WIDTH])
})

test('a large file comes in chunks, its length unknown until the last', async () => {
  const file = path.join(FILES, 'large.bmp')
  const large = (options) => new Promise((resolve, reject) => {
    cloudinary.uploader.upload_large(file, options, (error, result) => error ? reject(error) : resolve(result))
  })
  const raw = await large({ public_id: name('large.bmp'), chunk_size: 5243000 })
  assert.deepEqual([raw.resource_type, raw.bytes, raw.etag], ['raw', fs.statSync(file).size, md5(fs.readFileSync(file))])
  const got = await fetched(raw.secure_url)
  assert.deepEqual([got.status, md5(got.body), got.headers.etag], [200, raw.etag, `"${raw.etag}"`])
  const image = await large({ public_id: name('large'), chunk_size: 5243000, resource_type: 'image' })
  assert.deepEqual([image.resource_type, image.width, image.height], ['image', 1400, 1400])
})

test('a data URI and a Buffer through a stream are files, too', async () => {
  const bytes = fs.readFileSync(LOGO)
  const made = await cloudinary.uploader.upload(`data:image/png;base64,${bytes.toString('base64')}`, { public_id: name('data') })
  assert.equal(made.etag, md5(bytes))
})

test('an upload without a signature needs a preset', async () => {
  const preset = `${process.env.PREFIX}_open`
  await cloudinary.api.create_upload_preset({ name: preset, unsigned: true, folder: name('unsigned'), tags: 'open' })
  const made = await cloudinary.uploader.unsigned_upload(LOGO, preset)
  assert.ok(made.public_id.startsWith(name('unsigned/')))
  assert.deepEqual(made.tags, ['open'])
  await assert.rejects(cloudinary.uploader.unsigned_upload(LOGO, 'no_such_preset'), failsWith(400, /preset/i))
  assert.equal((await cloudinary.api.upload_preset(preset)).unsigned, true)
  await cloudinary.api.delete_upload_preset(preset)
})

test('renditions are made with the upload, and by explicit afterwards', async () => {
  const made = await cloudinary.uploader.upload(LOGO, { public_id: name('eager'), eager: [{ width: 60, crop: 'scale' }, { width: 20, height: 20, crop: 'fill' }] })
  assert.deepEqual(made.eager.map((one) => [one.width, one.height]), [[60, 13], [20, 20]])
  for (const one of made.eager) assert.deepEqual(sizeOf((await fetched(one.secure_url)).body), [one.width, one.height])
  const again = await cloudinary.uploader.explicit(name('eager'), { type: 'upload', eager: [{ width: 30, crop: 'scale' }], tags: 'later' })
  assert.deepEqual([again.eager[0].width, again.tags], [30, ['later']])
  const resource = await cloudinary.api.resource(name('eager'))
  assert.equal(resource.derived.length, 3)
})

test('a URL of the SDK is delivered, with the query that it adds', async () => {
  const url = cloudinary.url(name('logo'), { width: 100, height: 40, crop: 'pad', background: 'white', format: 'png' })
  assert.match(url, /\?_a=/)
  const got = await fetched(url)
  assert.deepEqual([got.status, got.headers['content-type'], ...sizeOf(got.body)], [200, 'image/png', 100, 40])
  const chained = cloudinary.url(name('logo'), { transformation: [{ width: 100, crop: 'scale' }, { effect: 'grayscale' }, { fetch_format: 'auto', quality: 'auto' }] })
  assert.equal((await fetched(chained, { Accept: 'image/webp' })).headers['content-type'], 'image/webp')
  const wrong = await fetched(cloudinary.url(name('logo'), { raw_transformation: 'w_x' }))
  assert.equal(wrong.status, 400)
})

test('what is authenticated needs the signature of the SDK', async () => {
  await cloudinary.uploader.upload(LOGO, { public_id: name("it's (1)"), type: 'authenticated' })
  const options = { type: 'authenticated', width: 50, crop: 'scale', format: 'png' }
  assert.equal((await fetched(cloudinary.url(name("it's (1)"), options))).status, 401)
  for (const signed of [{ sign_url: true }, { sign_url: true, long_url_signature: true }, { sign_url: true, signature_algorithm: 'sha256' }]) {
    const got = await fetched(cloudinary.url(name("it's (1)"), { ...options, ...signed }))
    assert.deepEqual([got.status, sizeOf(got.body)[0]], [200, 50])
  }
  const download = cloudinary.utils.private_download_url(name("it's (1)"), 'png', { type: 'authenticated' })
  assert.equal((await fetched(download)).status, 200)
})

test('a rename takes the name along and an existing one is not taken', async () => {
  await cloudinary.uploader.upload(LOGO, { public_id: name('before') })
  const renamed = await cloudinary.uploader.rename(name('before'), name('after'))
  assert.equal(renamed.public_id, name('after'))
  assert.equal((await fetched(cloudinary.url(name('before')))).status, 404)
  await assert.rejects(cloudinary.uploader.rename(name('after'), name('logo')), failsWith(400, /already exists/))
  await assert.rejects(cloudinary.uploader.rename(name('before'), name('x')), failsWith(404, /not found/i))
})

test('tags and context are added and taken away', async () => {
  await cloudinary.uploader.upload(LOGO, { public_id: name('labels'), tags: 'one' })
  await cloudinary.uploader.add_tag('two', [name('labels')])
  await cloudinary.uploader.remove_tag('one', [name('labels')])
  await cloudinary.uploader.add_context({ caption: 'a=b|c', alt: 'ü' }, [name('labels')])
  const found = await cloudinary.api.resource(name('labels'))
  assert.deepEqual([found.tags, found.context.custom], [['two'], { caption: 'a=b|c', alt: 'ü' }])
  await cloudinary.uploader.remove_all_context([name('labels')])
  await cloudinary.uploader.remove_all_tags([name('labels')])
  const bare = await cloudinary.api.resource(name('labels'))
  assert.deepEqual([bare.tags || [], bare.context], [[], undefined])
})

test('the Admin API lists, pages, changes and deletes', async () => {
  const folder = name('admin/')
  for (const each of ['a', 'b', 'c']) await cloudinary.uploader.upload(LOGO, { public_id: folder + each, tags: [name('tag')] })
  const options = { type: 'upload', prefix: folder, max_results: 2, tags: true }
  const first = await cloudinary.api.resources(options)
  const second = await cloudinary.api.resources({ ...options, next_cursor: first.next_cursor })
  const seen = [...first.resources, ...second.resources].map((one) => one.public_id)
  assert.deepEqual(seen.sort(), ['a', 'b', 'c'].map((each) => folder + each))
  assert.equal(second.next_cursor, undefined)
  assert.ok(first.rate_limit_allowed > 0 && first.rate_limit_reset_at instanceof Date)
  assert.equal((await cloudinary.api.resources_by_tag(name('tag'))).resources.length, 3)
  assert.equal((await cloudinary.api.resources_by_ids([folder + 'a', folder + 'b'])).resources.length, 2)
  const changed = await cloudinary.api.update(folder + 'a', { tags: 'x,y', context: 'k=v' })
  assert.deepEqual(changed.tags.sort(), ['x', 'y'])
  const byId = await cloudinary.api.resource_by_asset_id(changed.asset_id)
  assert.equal(byId.public_id, folder + 'a')
  const gone = await cloudinary.api.delete_resources([folder + 'a', folder + 'none'])
  assert.deepEqual(gone.deleted, { [folder + 'a']: 'deleted', [folder + 'none']: 'not_found' })
  await cloudinary.api.delete_resources_by_prefix(folder)
  assert.equal((await cloudinary.api.resources({ type: 'upload', prefix: folder })).resources.length, 0)
  await assert.rejects(cloudinary.api.resource(folder + 'a'), failsWith(404, /Resource not found/))
  assert.equal((await cloudinary.api.ping()).status, 'ok')
})

test('a search finds by expression, sorts and pages, and its signed URL is answered where media is delivered', async () => {
  const tag = `${process.env.PREFIX}_found`
  for (const each of ['b', 'a', 'c']) await cloudinary.uploader.upload(LOGO, { public_id: name(`found/${each}`), tags: [tag], context: { stage: each } })
  const query = () => cloudinary.search.expression(`tags=${tag}`).sort_by('public_id', 'asc').max_results(2).with_field('context')
  const first = await query().execute()
  assert.deepEqual([first.total_count, ...first.resources.map((one) => one.public_id)], [3, name('found/a'), name('found/b')])
  assert.deepEqual(first.resources[0].context.stage || first.resources[0].context.custom.stage, 'a')
  const second = await query().next_cursor(first.next_cursor).execute()
  assert.deepEqual(second.resources.map((one) => one.public_id), [name('found/c')])
  const got = await fetched(cloudinary.search.expression(`tags=${tag}`).to_url(300))
  assert.deepEqual([got.status, JSON.parse(got.body).total_count], [200, 3])
})

test('a named transformation is kept, used and deleted', async () => {
  const title = `${process.env.PREFIX}_thumb`
  await cloudinary.api.create_transformation(title, { width: 33, crop: 'scale' })
  assert.deepEqual(sizeOf((await fetched(cloudinary.url(name('logo'), { transformation: title, format: 'png' }))).body), [33, 7])
  assert.equal((await cloudinary.api.transformation(title)).name, `t_${title}`)
  await cloudinary.api.delete_transformation(title)
})

test('what is destroyed is gone when the answer is there', async () => {
  await cloudinary.uploader.upload(LOGO, { public_id: name('gone') })
  const url = cloudinary.url(name('gone'))
  assert.equal((await fetched(url)).status, 200)
  assert.deepEqual(await cloudinary.uploader.destroy(name('gone')).then((it) => it.result), 'ok')
  assert.equal((await fetched(url)).status, 404)
  assert.equal((await cloudinary.uploader.destroy(name('gone'))).result, 'not found')
})

test('an archive is signed for and downloaded', async () => {
  const got = await fetched(cloudinary.utils.download_zip_url({ public_ids: [name('logo')] }))
  assert.deepEqual([got.status, got.headers['content-type'], got.body.subarray(0, 2).toString()], [200, 'application/zip', 'PK'])
})

test('errors arrive as the SDK has them', async () => {
  await assert.rejects(cloudinary.uploader.upload(path.join(FILES, 'not.png'), {}), failsWith(400, /Invalid image file/))
  await assert.rejects(cloudinary.uploader.upload(LOGO, { api_secret: 'wrong' }), failsWith(401, /Invalid Signature/))
  await assert.rejects(cloudinary.api.ping({ api_secret: 'wrong' }), failsWith(401, /./))
})

test('a notification is signed so that the SDK verifies it', async () => {
  const told = new Promise((resolve) => {
    const receiver = http.createServer((asked, answer) => {
      const pieces = []
      asked.on('data', (piece) => pieces.push(piece))
      asked.on('end', () => {
        answer.end()
        receiver.close()
        resolve({ body: Buffer.concat(pieces).toString(), headers: asked.headers })
      })
    }).listen(Number(process.env.RECEIVER_PORT), '127.0.0.1')
  })
  await cloudinary.uploader.upload(LOGO, { public_id: name('told'), notification_url: `http://127.0.0.1:${process.env.RECEIVER_PORT}/hook` })
  const { body, headers } = await told
  const verified = (text) => cloudinary.utils.verifyNotificationSignature(text, Number(headers['x-cld-timestamp']), headers['x-cld-signature'])
  assert.equal(verified(body), true)
  assert.equal(verified(body + ' '), false)
  assert.equal(JSON.parse(body).public_id, name('told'))
})

after(() => https.globalAgent.destroy())
