// Makes the table from its former version and the segments' own headers, where it is lost. Only rebuild does.
#pragma once

#include "base/time.h"
#include "store/volume.h"

namespace angarium::store {

/// Nothing if the table is whole, of another format, or there is no store. Else writes a new one, which knows what the
/// former table and the headers say; kDamaged, and nothing is written, if a segment is missing or can't be judged.
Result<> remake_table_if_lost(Volume& volume, const Clock& clock);

}  // namespace angarium::store
