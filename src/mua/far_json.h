// What commands of `angarium mail` tell programs, as JSON. No control character of a letter is in it, escaped or not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mua/display.h"
#include "mua/far_box.h"
#include "mua/far_send.h"

namespace angarium::mua {

std::string json_of(const FarListing& listing);
std::string json_of(const std::vector<FarFolder>& folders);
/// `text`: as it is shown.
std::string json_of(const FarId& id, std::string_view message, std::string_view text,
                    const std::vector<Detached>& attachments);
struct SavedFile {
  std::string path;
  std::uint64_t octets = 0;
};
std::string json_of(const std::vector<SavedFile>& saved);
struct SentLetter {
  std::string message_id;
  std::vector<std::string> recipients;
  std::vector<Refusal> refused;
};
std::string json_of(const SentLetter& sent);

}  // namespace angarium::mua
