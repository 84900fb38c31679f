// The stored form of boxes and of what is known of their messages: a version octet, then fields in order. Readers
// refuse what is cut short and accept what newer versions append.
#pragma once

#include <string>
#include <string_view>

#include "fetch/seal.h"
#include "fetch/types.h"

namespace angarium::fetch {

/// All keys of the room begin with this octet.
inline constexpr unsigned char kKeyOctet = 'f';

std::string box_key(BoxId id);
std::string progress_key(BoxId id);
/// All marks of a box begin so; the unique-id follows.
std::string mark_prefix(BoxId id);
std::string mark_key(BoxId id, std::string_view unique_id);
/// By the folder's name.
std::string folder_key(BoxId id, std::string_view folder);
/// All folders of a box.
std::string folder_prefix(BoxId id);
/// The Pin of a box.
std::string pin_key(BoxId id);
/// All boxes begin so.
std::string boxes_prefix();
/// The lowest key behind all that begin with the prefix.
std::string behind(std::string prefix);

/// The password sealed; without a key as a record of the first version, which has it as it is.
Result<std::string> encode(const Box& box, const Seal* seal, Random& random = system_random());
std::string encode(const Progress& progress);
std::string encode(const Mark& mark);
std::string encode(const FolderState& folder);
std::string encode(const Pin& pin);
/// Also the first version, whose password is not sealed.
Result<Box> decode_box(std::string_view octets, const Seal* seal);
Result<Progress> decode_progress(std::string_view octets);
Result<Mark> decode_mark(std::string_view octets);
/// Also the first version, without what is owed.
Result<FolderState> decode_folder(std::string_view octets);
Result<Pin> decode_pin(std::string_view octets);

}  // namespace angarium::fetch
