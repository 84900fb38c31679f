// The codec of the store's records, by its names in this room.
#pragma once

#include "store/codec.h"

namespace angarium::mailbox {

using store::put_number;
using store::put_octets;
using store::put_signed;
using store::RecordReader;

}  // namespace angarium::mailbox
