#include "message/collation.h"

#include "base/text.h"
#include "message/charset.h"

namespace angarium::message {

void append_collated(std::string& out, std::string_view utf8, Collation collation) {
  switch (collation) {
    case Collation::unicode_casemap: return append_folded(out, utf8);
    case Collation::ascii_casemap:
      for (const char c : utf8) out += to_upper(c);
      return;
    case Collation::octet: out += utf8; return;
  }
}

}  // namespace angarium::message
