// URLs of @cloudinary/url-gen, delivered. It knows no secret and calls no API.
import assert from 'node:assert/strict'
import https from 'node:https'
import { test } from 'node:test'
import { Cloudinary } from '@cloudinary/url-gen'
import { format, quality } from '@cloudinary/url-gen/actions/delivery'
import { blur, grayscale } from '@cloudinary/url-gen/actions/effect'
import { source } from '@cloudinary/url-gen/actions/overlay'
import { crop, fill, pad, scale, thumbnail } from '@cloudinary/url-gen/actions/resize'
import { byRadius, max } from '@cloudinary/url-gen/actions/roundCorners'
import { byAngle } from '@cloudinary/url-gen/actions/rotate'
import { name as named } from '@cloudinary/url-gen/actions/namedTransformation'
import { color } from '@cloudinary/url-gen/qualifiers/background'
import { auto } from '@cloudinary/url-gen/qualifiers/format'
import { compass } from '@cloudinary/url-gen/qualifiers/gravity'
import { Position } from '@cloudinary/url-gen/qualifiers/position'
import { image, text } from '@cloudinary/url-gen/qualifiers/source'
import { TextStyle } from '@cloudinary/url-gen/qualifiers/textStyle'

const media = new Cloudinary({
  cloud: { cloudName: 'demo' },
  url: { secure: true, secureDistribution: process.env.DELIVERY }
})
const logo = () => media.image(`${process.env.PREFIX}/logo`)

function fetched (url, headers = {}) {
  return new Promise((resolve, reject) => {
    https.get(url, { headers }, (answer) => {
      const pieces = []
      answer.on('data', (piece) => pieces.push(piece))
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) }))
    }).on('error', reject)
  })
}

const CASES = {
  'as it is': [logo().format('png'), [241, 51]],
  scale: [logo().resize(scale().width(100)).format('png'), [100, 21]],
  fill: [logo().resize(fill().width(40).height(40).gravity(compass('west'))).format('png'), [40, 40]],
  pad: [logo().resize(pad().width(60).height(60).background(color('white'))).format('png'), [60, 60]],
  crop: [logo().resize(crop().width(30).height(20).gravity(compass('north_east'))).format('png'), [30, 20]],
  thumbnail: [logo().resize(thumbnail().width(25).height(25).gravity(compass('center'))).format('png'), [25, 25]],
  'several steps': [logo().resize(scale().width(120)).effect(grayscale()).effect(blur().strength(200)).roundCorners(byRadius(5)).format('png'), [120, 25]],
  'a circle turned': [logo().resize(fill().width(50).height(50)).roundCorners(max()).rotate(byAngle(90)).format('png'), [50, 50]],
  'a picture laid over': [logo().overlay(source(image(`${process.env.PREFIX}/logo`)).position(new Position().gravity(compass('south_east')))).format('png'), [241, 51]],
  'a text laid over': [logo().overlay(source(text('a, b/c', new TextStyle('Arial', 20)).textColor('red'))).format('png'), [241, 51]],
  named: [logo().namedTransformation(named(process.env.NAMED)).format('png'), [33, 7]]
}

for (const [title, [made, size]] of Object.entries(CASES)) {
  test(`${title} is delivered`, async () => {
    const url = made.toURL()
    assert.match(url, /\?_a=/)
    const got = await fetched(url)
    assert.equal(got.status, 200, `${url}: ${got.headers['x-cld-error']}`)
    assert.deepEqual([got.body.readUInt32BE(16), got.body.readUInt32BE(20)], size, url)
  })
}

test('the format is negotiated', async () => {
  const url = logo().resize(scale().width(90)).delivery(format(auto())).delivery(quality('auto')).toURL()
  assert.equal((await fetched(url, { Accept: 'image/webp,*/*' })).headers['content-type'], 'image/webp')
})

test('an unknown picture is not found', async () => {
  assert.equal((await fetched(media.image(`${process.env.PREFIX}/none`).toURL())).status, 404)
})
