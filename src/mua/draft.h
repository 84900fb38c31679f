// A message being written, and what it becomes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "message/date.h"
#include "mua/settings.h"

namespace angarium::mua {

struct Draft {
  std::vector<std::string> to;  ///< addresses and aliases, each one
  std::vector<std::string> cc;
  std::vector<std::string> bcc;
  std::string subject;
  std::string from;                                         ///< one address, or empty
  std::vector<std::pair<std::string, std::string>> fields;  ///< others, as decoded text
  std::string in_reply_to;                                  ///< message ids
  std::string references;
  std::vector<std::string> attachments;  ///< paths
  std::vector<std::string> enclosed;     ///< whole messages
  std::string body;                      ///< any line ends

  [[nodiscard]] bool empty() const { return body.empty() && attachments.empty() && enclosed.empty(); }
};

/// The addresses of a list as they are typed: parted by commas, or by blanks where no name or quote makes that wrong
/// ("anna bob, Carl C <c@d.test>").
std::vector<std::string> split_addresses(std::string_view list);

/// What is handed in: aliases expanded, headers and bodies encoded. Text that is no UTF-8 is taken for windows-1252, a
/// body with NUL for a file. kUsage for what is no address, kHost for an attachment that cannot be read.
struct Composed {
  std::string message;
  std::vector<std::string> recipients;  ///< "local@domain" or "local"
  std::string sender;                   ///< of From; empty without it
};
Result<Composed> compose(const Draft& draft, const Settings& settings, const message::DateTime& now,
                         const std::string& home, Random& random);

/// `mail -t`: the fields of a header at the beginning of `text` go into the draft, the rest becomes its body. Text that
/// begins without any field is all body.
void take_header(std::string_view text, Draft& draft);

}  // namespace angarium::mua
