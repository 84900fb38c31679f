// What is learnt of a message while it arrives (content.h: Facts).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mailbox/body_reader.h"
#include "mailbox/content.h"
#include "mailbox/presentation.h"
#include "message/structure.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Fed once with all octets as stored, in chunks of any size; the cuts make no difference.
class FactsReader {
 public:
  void feed(std::string_view octets);
  /// Of a body that is whole in memory: `octets` are all that was fed.
  Facts finish(std::string_view octets);
  /// Of a body that is in the store: reads the headers of its parts back. Waits.
  Result<Facts> finish(store::Tablet& tablet, const StoredBody& body);

 private:
  message::Structure end(Facts& facts);
  void show(std::string_view shown);

  Presenter presenter_;
  message::StructureParser parser_;
  std::string scratch_;
  char last_ = '\0';        // shown octet
  bool line_ended_ = true;  // the last two shown octets were CRLF, or there were none yet
};

}  // namespace angarium::mailbox
