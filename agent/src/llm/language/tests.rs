//! Short replies in many languages, and replies full of names that are in the right one.

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

/// Short replies, as a model that was asked for another language gives them.
const SHORT: [(&str, &str); 56] = [
    ("German", "Die Datenbank lehnt Verbindungen ab."),
    ("German", "Zu wenig Arbeitsspeicher."),
    ("German", "Speicher voll. Limit erhöhen."),
    ("German", "Der Schlüssel url fehlt in der ConfigMap."),
    ("German", "OOMKilled: Speicherlimit von 64Mi überschritten."),
    ("German", "Das Zertifikat ist abgelaufen."),
    ("French", "La base de données refuse les connexions."),
    ("French", "Mémoire insuffisante."),
    ("French", "Le certificat a expiré."),
    ("French", "La clé url manque dans la ConfigMap api-config."),
    ("French", "Vérifiez le pod postgres-0."),
    ("French", "L'image n'est pas trouvée."),
    ("Spanish", "La base de datos rechaza las conexiones."),
    ("Spanish", "Memoria agotada."),
    ("Spanish", "El certificado ha caducado."),
    ("Spanish", "Falta la clave url en el ConfigMap."),
    ("Spanish", "No se encuentra la imagen."),
    ("Portuguese", "O banco de dados recusa conexões."),
    ("Portuguese", "Memória esgotada."),
    ("Portuguese", "O certificado expirou."),
    ("Portuguese", "Verifique o pod postgres-0."),
    ("Italian", "Il database rifiuta le connessioni."),
    ("Italian", "Memoria esaurita."),
    ("Italian", "Il certificato è scaduto."),
    ("Italian", "Manca la chiave url nella ConfigMap."),
    ("Dutch", "De database weigert verbindingen."),
    ("Dutch", "Het geheugen is vol."),
    ("Dutch", "Controleer de logs van postgres-0."),
    ("Polish", "Baza danych odrzuca połączenia."),
    ("Polish", "Brak pamięci."),
    ("Polish", "Sprawdź logi usługi."),
    ("Czech", "Databáze odmítá připojení."),
    ("Czech", "Vypršel certifikát."),
    ("Swedish", "Databasen nekar anslutningar."),
    ("Swedish", "Minnet är slut."),
    ("Danish", "Databasen afviser forbindelser."),
    ("Norwegian", "Databasen avviser tilkoblinger."),
    ("Finnish", "Tietokanta hylkää yhteydet."),
    ("Finnish", "Muisti loppui."),
    ("Turkish", "Veritabanı bağlantıları reddediyor."),
    ("Turkish", "Bellek yetersiz."),
    ("Romanian", "Baza de date refuză conexiunile."),
    ("Hungarian", "Az adatbázis elutasítja a kapcsolatot."),
    ("Indonesian", "Basis data menolak koneksi."),
    ("Vietnamese", "Cơ sở dữ liệu từ chối kết nối."),
    ("Russian", "База данных отклоняет соединения."),
    ("Russian", "Мало памяти."),
    ("Ukrainian", "Бракує пам'яті."),
    ("Greek", "Η βάση δεδομένων αρνείται συνδέσεις."),
    ("Chinese", "数据库拒绝连接。"),
    ("Chinese", "内存不足。"),
    ("Japanese", "メモリ不足です。"),
    ("Korean", "메모리가 부족합니다."),
    ("Arabic", "قاعدة البيانات ترفض الاتصالات."),
    ("Hebrew", "מסד הנתונים דוחה חיבורים."),
    ("Hindi", "डेटाबेस कनेक्शन अस्वीकार करता है।"),
];

/// Short replies in English, to somebody who asked for another language.
const SHORT_ENGLISH: [&str; 8] = [
    "The database refuses connections.",
    "It runs out of memory.",
    "The certificate has expired.",
    "Check the logs of postgres-0.",
    "The key url is missing in ConfigMap api-config.",
    "The image cannot be found.",
    "OOMKilled: the limit of 64Mi is too low.",
    "Disk full; the volume data-0 has no space left.",
];

/// Replies in the right language that are mostly names of things.
const NAMED: [(&str, &str); 48] = [
    ("English", "CrashLoopBackOff: exit code 137."),
    ("English", "OOMKilled (exit 137), limit 64Mi."),
    ("English", "ECONNREFUSED postgres.shop.svc:5432."),
    (
        "English",
        "ImagePullBackOff: registry.example.com/shop/api:2.0.",
    ),
    (
        "English",
        "psycopg2.OperationalError: could not connect to server.",
    ),
    ("English", "kubectl describe pod api-7c9f8d6b5-x2x4z"),
    ("English", "Env var DATABASE_URL unset; see Deployment api."),
    (
        "English",
        "NullPointerException in com.acme.shop.Cart.total(Cart.java:42).",
    ),
    (
        "English",
        "ModuleNotFoundError: redis; rebuild image shop/api.",
    ),
    (
        "English",
        "panic: runtime error: index out of range [3] with length 3, main.go:17.",
    ),
    (
        "English",
        "Kyverno denies Deployment la-poste: label team missing.",
    ),
    (
        "English",
        "Die-hard retries in worker der-importer exhaust max_connections=100.",
    ),
    (
        "English",
        "Pods of une-api and el-dorado fail: Secret de-prod absent.",
    ),
    (
        "English",
        "São-Paulo region endpoint unreachable: dial tcp 10.0.0.7:443: i/o timeout.",
    ),
    ("English", "Liveness probe /healthz: HTTP 503."),
    (
        "English",
        "The log says “Verbindung abgelehnt”: PostgreSQL refuses connections.",
    ),
    (
        "English",
        "The program prints \"数据库连接失败\" and exits with code 1.",
    ),
    (
        "English",
        "Flyway: migration V12__de_la.sql failed; checksum mismatch.",
    ),
    (
        "English",
        "java.lang.OutOfMemoryError: Java heap space; -Xmx512m.",
    ),
    (
        "English",
        "SIGTERM at 09:30:45; preStop hook /bin/drain.sh times out.",
    ),
    ("German", "CrashLoopBackOff: Exit-Code 137."),
    ("German", "OOMKilled: Limit 64Mi zu klein."),
    (
        "German",
        "ECONNREFUSED: postgres.shop.svc:5432 nicht erreichbar.",
    ),
    ("German", "DATABASE_URL fehlt; siehe Deployment api."),
    ("German", "Liveness-Probe /healthz liefert HTTP 503."),
    (
        "German",
        "Image registry.example.com/shop/api:2.0 nicht gefunden.",
    ),
    (
        "German",
        "java.lang.OutOfMemoryError: Java heap space; -Xmx erhöhen.",
    ),
    ("French", "OOMKilled : limite de 64Mi dépassée."),
    ("French", "Variable DATABASE_URL absente du Deployment api."),
    (
        "French",
        "ImagePullBackOff : image shop/api:2.0 introuvable.",
    ),
    ("French", "ECONNREFUSED vers postgres.shop.svc:5432."),
    ("Spanish", "OOMKilled: límite de 64Mi superado."),
    ("Spanish", "Falta DATABASE_URL en el Deployment api."),
    ("Spanish", "ECONNREFUSED hacia postgres.shop.svc:5432."),
    ("Portuguese", "OOMKilled: limite de 64Mi excedido."),
    ("Italian", "OOMKilled: limite di 64Mi superato."),
    ("Dutch", "OOMKilled: limiet van 64Mi overschreden."),
    ("Polish", "OOMKilled: przekroczono limit 64Mi."),
    ("Swedish", "DATABASE_URL saknas i Deployment api."),
    ("Turkish", "OOMKilled: 64Mi sınırı aşıldı."),
    ("Finnish", "DATABASE_URL puuttuu Deploymentista api."),
    (
        "Russian",
        "OOMKilled: превышен лимит 64Mi, java.lang.OutOfMemoryError: Java heap space.",
    ),
    (
        "Russian",
        "Нет переменной DATABASE_URL в Deployment api (container main, image shop/api:2.0).",
    ),
    (
        "Chinese",
        "容器 api 因 OOMKilled 退出(exit code 137),内存 limit 为 64Mi。",
    ),
    (
        "Japanese",
        "OOMKilled:メモリ制限64Mi超過。kubectl describe pod api-7c9f8d6b5-x2x4z",
    ),
    ("Japanese", "接続拒否:postgres.shop.svc:5432"),
    (
        "Korean",
        "OOMKilled: 메모리 limit 64Mi 초과, Deployment api 확인.",
    ),
    ("Hebrew", "OOMKilled: חריגה ממגבלת הזיכרון 64Mi"),
];

#[test]
fn fault_60_a_short_reply_in_another_language_is_noticed() {
    let languages: std::collections::BTreeSet<&str> = SHORT.iter().map(|(own, _)| *own).collect();
    assert!(SHORT.len() >= 40 && languages.len() >= 8);
    let mut wrong = Vec::new();
    for (own, text) in SHORT {
        if !another("English", text) {
            wrong.push(format!("passes for English: {text}"));
        }
        if another(own, text) {
            wrong.push(format!("is no {own}: {text}"));
        }
    }
    for text in SHORT_ENGLISH {
        for asked in [
            "German", "French", "Spanish", "Polish", "Turkish", "Russian", "Japanese", "Chinese",
            "Hebrew",
        ] {
            if !another(asked, text) {
                wrong.push(format!("passes for {asked}: {text}"));
            }
        }
        if another("English", text) {
            wrong.push(format!("is no English: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_reply_that_is_mostly_names_is_not_rejected() {
    assert!(NAMED.len() >= 40);
    let wrong: Vec<_> = NAMED
        .iter()
        .filter(|(own, text)| another(own, text))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_two_fields_of_a_reply_are_judged_together_and_each_alone() {
    let asked = "English".into();
    assert!(is_another(&asked, &["Speicher voll.", "Limit erhöhen."]));
    assert!(is_another(
        &asked,
        &[
            "The database refuses connections because its pod is not ready.",
            "请检查数据库的日志。"
        ]
    ));
    assert!(!is_another(&asked, &["OOMKilled.", "Raise the limit."]));
    assert!(!is_another(&asked, &["", ""]));
}
