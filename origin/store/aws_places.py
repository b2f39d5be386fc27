"""In which legal place the regions of AWS lie: the country, as `domicile.media.policy` names it.

Elsewhere names of regions mean what an operator made of them, and the place has to be said.
"""

from __future__ import annotations

from collections.abc import Mapping

AWS_PLACES: Mapping[str, str] = {
    "af-south-1": "za",
    "ap-northeast-1": "jp",
    "ap-northeast-2": "kr",
    "ap-northeast-3": "jp",
    "ap-south-1": "in",
    "ap-south-2": "in",
    "ap-southeast-1": "sg",
    "ap-southeast-2": "au",
    "ap-southeast-4": "au",
    "ap-southeast-6": "nz",
    "ca-central-1": "ca",
    "ca-west-1": "ca",
    "eu-central-1": "eu-de",
    "eu-central-2": "ch",
    "eu-north-1": "eu-se",
    "eu-south-1": "eu-it",
    "eu-south-2": "eu-es",
    "eu-west-1": "eu-ie",
    "eu-west-2": "gb",
    "eu-west-3": "eu-fr",
    "eusc-de-east-1": "eu-de",
    "il-central-1": "il",
    "sa-east-1": "br",
    "us-east-1": "us",
    "us-east-2": "us",
    "us-gov-east-1": "us",
    "us-gov-west-1": "us",
    "us-west-1": "us",
    "us-west-2": "us",
}
