#include "message/collation.h"

#include "message/charset.h"
#include "message/octet_find.h"

namespace angarium::message {

void append_collated(std::string& out, std::string_view utf8, Collation collation) {
  switch (collation) {
    case Collation::unicode_casemap: return append_folded(out, utf8);
    case Collation::ascii_casemap: return append_upper(out, utf8);
    case Collation::octet: out += utf8; return;
  }
}

}  // namespace angarium::message
