//! Whether a reply is in the language that was asked for. Short texts are uncertain, and so are close relatives: only a reply
//! that is surely in another language counts as one.

use podmender_policy::bounds::Text;
use whatlang::{Lang, detect};

/// Languages that pass for each other in a few technical sentences.
const RELATIVES: [&[Lang]; 8] = [
    &[Lang::Nob, Lang::Dan, Lang::Swe],
    &[Lang::Nld, Lang::Afr],
    &[Lang::Ces, Lang::Slk],
    &[Lang::Hrv, Lang::Srp, Lang::Slv],
    &[
        Lang::Rus,
        Lang::Ukr,
        Lang::Bel,
        Lang::Bul,
        Lang::Mkd,
        Lang::Srp,
    ],
    &[Lang::Spa, Lang::Por, Lang::Cat],
    &[Lang::Hin, Lang::Mar, Lang::Nep],
    &[Lang::Tur, Lang::Aze, Lang::Tuk, Lang::Uzb],
];

/// Tags of two letters (ISO 639-1); those of three are known to the detector.
const TAGS: [(&str, Lang); 49] = [
    ("af", Lang::Afr),
    ("ar", Lang::Ara),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("ka", Lang::Kat),
    ("ko", Lang::Kor),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("mr", Lang::Mar),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("no", Lang::Nob),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("th", Lang::Tha),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("vi", Lang::Vie),
    ("zh", Lang::Cmn),
];

/// Names that people use and the detector does not.
const NAMES: [(&str, Lang); 6] = [
    ("bokmål", Lang::Nob),
    ("chinese", Lang::Cmn),
    ("farsi", Lang::Pes),
    ("norwegian", Lang::Nob),
    ("norsk", Lang::Nob),
    ("slovenian", Lang::Slv),
];

/// Whether one of `texts` is surely in another language than `asked` (a name or a tag, as a policy has it). A language that
/// the detector does not know is never missed.
#[must_use]
pub(super) fn is_another(asked: &Text<32>, texts: &[&str]) -> bool {
    let Some(asked) = known(asked.as_str()) else {
        return false;
    };
    let near = |lang: Lang| {
        let together = |family: &&[Lang]| family.contains(&asked) && family.contains(&lang);
        lang == asked || RELATIVES.iter().any(together)
    };
    texts.iter().any(|text| {
        let found = detect(text).filter(whatlang::Info::is_reliable);
        found.is_some_and(|found| !near(found.lang()))
    })
}

/// The language that `German`, `Deutsch`, `de`, `deu`, `de-AT` and `Swiss German` mean.
fn known(asked: &str) -> Option<Lang> {
    let asked = asked.to_lowercase();
    let mut words = asked.split([' ', '-']).filter(|word| !word.is_empty());
    let first = words.clone().next()?;
    let by_tag = TAGS
        .iter()
        .find(|(tag, _)| *tag == first)
        .map(|(_, lang)| *lang);
    let by_name = || {
        words.find_map(|word| {
            let other = NAMES.iter().find(|(name, _)| *name == word);
            let is_it = |lang: &&Lang| {
                lang.eng_name().to_lowercase() == word || lang.name().to_lowercase() == word
            };
            let listed = || Lang::all().iter().find(is_it).copied();
            other.map(|(_, lang)| *lang).or_else(listed)
        })
    };
    by_tag.or_else(|| Lang::from_code(first)).or_else(by_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn another(asked: &str, text: &str) -> bool {
        is_another(&asked.into(), &[text])
    }

    const ENGLISH: [&str; 16] = [
        "The database refuses connections.",
        "It cannot reach its database.",
        "OOMKilled: limit 64Mi.",
        "Container runs out of memory.",
        "Liveness probe /healthz times out after 1s since GC pauses exceed it.",
        "PostgreSQL max_connections exhausted; pool leaks connections. Inspect pg_stat_activity.",
        "TLS certificate expired on 2026-11-01; handshake fails. Renew via cert-manager.",
        "Nil pointer dereference in main.go:42 handler; panic at start. Look at commit abc123.",
        "Kafka broker unreachable: SASL authentication failure. Verify credentials in Secret kafka-auth.",
        "ConfigMap api-config lacks key url; container cannot start (CreateContainerConfigError). Check the last Helm release.",
        "DNS lookup of redis.shop.svc.cluster.local fails with NXDOMAIN. Check CoreDNS and the Service name.",
        "Image pull fails: registry.example.com/shop/mail:2.0 not found. Check the tag.",
        "The pod is OOMKilled because its memory limit of 64Mi is too low for the JVM heap. Raise the limit or lower -Xmx.",
        "The log says \"Verbindung abgelehnt: die Datenbank nimmt keine Verbindungen an\", so the database refuses its connections.",
        "java.lang.NoClassDefFoundError: com/acme/Foo; the new image lacks a library that Foo needs at runtime.",
        "ENOSPC: no space left on device; the volume data-0 is full. See kubectl describe pvc data-0.",
    ];
    const OTHERS: [(&str, &str); 9] = [
        (
            "German",
            "Die Datenbank nimmt keine Verbindungen an. Sehen Sie sich die Pods der Datenbank an und prüfen Sie den Service.",
        ),
        (
            "es",
            "La base de datos rechaza las conexiones porque el pod no está listo. Revise los registros del servicio.",
        ),
        (
            "Français",
            "La base de données refuse les connexions parce que le pod n'est pas prêt. Vérifiez les journaux du service.",
        ),
        (
            "pt-BR",
            "O banco de dados recusa conexões porque o pod não está pronto. Verifique os logs do serviço.",
        ),
        (
            "Italian",
            "Il database rifiuta le connessioni perché il pod non è pronto. Controllare i log del servizio.",
        ),
        (
            "zh-Hans",
            "数据库拒绝连接,因为该容器没有准备好。请检查服务的日志。",
        ),
        (
            "Japanese",
            "データベースが接続を拒否しています。ログを確認してください。",
        ),
        (
            "Ukrainian",
            "База даних відхиляє з'єднання, бо под не готовий. Перевірте журнали сервісу.",
        ),
        (
            "pol",
            "Baza danych odrzuca połączenia, ponieważ pod nie jest gotowy. Sprawdź logi usługi.",
        ),
    ];

    #[test]
    fn fault_60_what_is_surely_another_language_is_noticed() {
        for (own, text) in OTHERS {
            assert!(another("English", text), "{text}");
            assert!(!another(own, text), "{own}: {text}");
        }
        let english = "The database refuses connections because the pod is not ready. Look at the logs of the service.";
        assert!(another("German", english) && another("zh", english));
        // One of two texts is enough.
        assert!(is_another(&"English".into(), &["It fails.", OTHERS[0].1]));
    }

    #[test]
    fn what_is_short_technical_or_near_is_not_held_against_a_model() {
        for text in ENGLISH {
            assert!(
                !another("English", text) && !another("en-GB", text),
                "{text}"
            );
        }
        let norwegian =
            "Databasen avviser tilkoblinger fordi poden ikke er klar. Sjekk loggene til tjenesten.";
        assert!(!another("Danish", norwegian) && !another("Norwegian", norwegian));
        for asked in ["Klingon", "Swahili", "", "plain words please"] {
            assert!(!another(asked, ENGLISH[12]), "{asked}");
        }
    }

    #[test]
    fn a_language_goes_by_names_and_tags() {
        for asked in [
            "German",
            "deutsch",
            "de",
            "deu",
            "de-AT",
            "Swiss German",
            "DE",
        ] {
            assert_eq!(known(asked), Some(Lang::Deu), "{asked}");
        }
        assert_eq!(known("Brazilian Portuguese"), Some(Lang::Por));
        assert_eq!(known("Simplified Chinese"), Some(Lang::Cmn));
        assert_eq!(known("日本語"), Some(Lang::Jpn));
        assert_eq!(known("Quenya"), None);
    }
}
