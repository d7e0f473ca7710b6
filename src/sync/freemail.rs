//! Domains that belong to nobody in particular (R31, X14): a mail from one says nothing of the sender's company.

/// First labels whose every top-level domain is a freemail service: `gmx.de`, `gmx.net`, `yahoo.co.uk`, ….
const FAMILIES: [&str; 8] = ["gmx", "yahoo", "ymail", "outlook", "hotmail", "live", "msn", "rocketmail"];

/// Whether `domain` (lower case, ASCII) is a freemail domain, built in or one of `extra`.
#[must_use]
pub fn is_freemail(domain: &str, extra: &[String]) -> bool {
    extra.iter().any(|own| own == domain) || DOMAINS.binary_search(&domain).is_ok() || is_family(domain)
}

/// `live.com`, `yahoo.co.uk`: the family's label before a suffix of one or two short labels. `live.example-company.com` is none.
fn is_family(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let first = labels.next().unwrap_or_default();
    let rest: Vec<&str> = labels.collect();
    FAMILIES.contains(&first)
        && match rest.as_slice() {
            [_] => true,
            [second, country] => country.len() == 2 && matches!(*second, "co" | "com" | "net" | "org" | "ne"),
            _ => false,
        }
}

/// Sorted, for the binary search.
#[rustfmt::skip]
const DOMAINS: &[&str] = &[
    "126.com", "139.com", "163.com", "a1.net", "abv.bg", "aim.com", "alice-dsl.de", "alice-dsl.net", "alice.de", "alice.it",
    "aliceadsl.fr", "aliyun.com", "aol.com", "aol.de", "aon.at", "arcor.de", "att.net", "azet.sk", "bbox.fr", "bellsouth.net",
    "bigpond.com", "bigpond.net.au", "bk.ru", "bluemail.ch", "bluewin.ch", "blueyonder.co.uk", "bol.com.br", "bredband.net",
    "broadpark.no", "btinternet.com", "btopenworld.com", "byom.de", "casema.nl", "centrum.cz", "centrum.sk", "charter.net",
    "chello.at", "chello.nl", "citromail.hu", "clix.pt", "club-internet.fr", "comcast.net", "comhem.se", "consultant.com", "cox.net",
    "ctemplar.com", "daum.net", "disroot.org", "duck.com", "earthlink.net", "email.com", "email.cz", "email.de", "email.it", "ewe-
    online.de", "ewe.net", "ewetel.net", "fastmail.com", "fastmail.fm", "fastwebnet.it", "foxmail.com", "free.fr", "freemail.gr",
    "freemail.hu", "freenet.de", "frontier.com", "gazeta.pl", "gmail.com", "gmx-topmail.de", "googlemail.com", "hanmail.net",
    "hanse.net", "hetnet.nl", "hey.com", "hispeed.ch", "home.nl", "htp-tel.de", "hushmail.com", "i.ua", "icloud.com", "ig.com.br",
    "iinet.net.au", "inbox.com", "inbox.ru", "inode.at", "interia.pl", "internet.ru", "inwind.it", "iol.it", "jubii.dk", "juno.com",
    "kabelmail.de", "keemail.me", "kpnmail.nl", "kpnplanet.nl", "laposte.net", "libero.it", "list.ru", "lycos.com", "lycos.de",
    "mac.com", "mail.com", "mail.de", "mail.dk", "mail.pt", "mail.ru", "mailbox.org", "mailfence.com", "mailinator.com", "me.com",
    "nate.com", "naver.com", "nefkom.net", "netcologne.de", "netvision.net.il", "netzero.net", "neuf.fr", "ntlworld.com",
    "numericable.fr", "o2.pl", "o2mail.de", "o2online.de", "onet.eu", "onet.pl", "online.de", "online.no", "onlinehome.de", "op.pl",
    "optonline.net", "optusnet.com.au", "orange.fr", "osnanet.de", "otenet.gr", "outlook.com", "passport.com", "planet.nl", "pm.me",
    "poczta.onet.pl", "post.com", "post.cz", "posteo.de", "posteo.eu", "posteo.net", "posteo.org", "privaterelay.appleid.com",
    "proton.me", "protonmail.ch", "protonmail.com", "proximus.be", "qq.com", "quicknet.nl", "rambler.ru", "rediffmail.com",
    "relay.firefox.com", "riseup.net", "roadrunner.com", "rogers.com", "runbox.com", "sapo.pt", "sbcglobal.net", "scarlet.be",
    "seznam.cz", "sfr.fr", "shaw.ca", "sina.cn", "sina.com", "sky.com", "skynet.be", "sohu.com", "solcon.nl", "spoko.pl",
    "startmail.com", "stofanet.dk", "sunrise.ch", "swissonline.ch", "sympatico.ca", "t-online.de", "talktalk.net", "tdcadsl.dk",
    "tele2.nl", "telefonica.net", "telenet.be", "telfort.nl", "telia.com", "terra.com.br", "terra.es", "tim.it", "tin.it",
    "tiscali.co.uk", "tiscali.it", "trash-mail.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de", "ukr.net",
    "unitybox.de", "uol.com.br", "upcmail.nl", "usa.com", "utanet.at", "verizon.net", "versanet.de", "virgilio.it", "virginmedia.com",
    "vodafone.de", "vodafonemail.de", "volny.cz", "walla.co.il", "walla.com", "wanadoo.fr", "web.de", "windowslive.com",
    "windstream.net", "wp.pl", "xs4all.nl", "xtra.co.nz", "ya.ru", "yandex.com", "yandex.ru", "yeah.net", "ziggo.nl", "zoho.com",
    "zohomail.com", "zohomail.eu", "zonnet.nl", "zoznam.sk",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r31_freemail_domains_are_known() {
        assert!(DOMAINS.len() > 100 && DOMAINS.is_sorted());
        for domain in [
            "gmail.com",
            "googlemail.com",
            "web.de",
            "gmx.de",
            "gmx.at",
            "gmx.net",
            "yahoo.co.uk",
            "yahoo.com.br",
            "outlook.com",
            "hotmail.fr",
            "live.nl",
            "t-online.de",
            "icloud.com",
            "ziggo.nl",
            "bluewin.ch",
            "proton.me",
        ] {
            assert!(is_freemail(domain, &[]), "{domain}");
        }
    }

    #[test]
    fn r31_a_companys_domain_is_none() {
        for domain in
            ["firm.example", "gmx.firm.example", "live.company.com", "mail.gmx-partner.de", "notgmail.com", "outlook.firm.de", "yahoo", ""]
        {
            assert!(!is_freemail(domain, &[]), "{domain}");
        }
    }

    #[test]
    fn r31_the_settings_add_to_the_list() {
        assert!(is_freemail("mail.village.example", &["mail.village.example".to_owned()]));
    }
}
